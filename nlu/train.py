"""Train the model: `nlu/.venv/bin/python nlu/train.py [--data DIR] [--out DIR] [--force]`, from any folder.

Writes `current.tar.gz` and, beside it, `current.json` with the SHA-256 of everything the model is made of.
When that is unchanged nothing is trained and Rasa is not even imported. Exit code 1 when training fails;
the model that was there before is then still there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODEL = "current.tar.gz"
FINGERPRINT = "current.json"


def inputs(data: Path) -> dict[str, str]:
    """The SHA-256 of every file the model is made of, by its name."""
    own = [HERE / name for name in ("config.yml", "domain.yml", "uv.lock")] + sorted(
        (HERE / "vocabulary").glob("*.json")
    )
    files = {f"nlu/{path.relative_to(HERE)}": path for path in own + sorted((HERE / "components").glob("*.py"))}
    files |= {f"data/{path.relative_to(data)}": path for path in sorted(data.glob("*/*.yml"))}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(files.items())}


def fingerprint(hashes: dict[str, str]) -> str:
    """One SHA-256 for all the inputs together."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def is_current(out: Path, wanted: str) -> bool:
    """Whether `out` holds a model made of these very inputs, whole."""
    try:
        written: dict[str, Any] = json.loads((out / FINGERPRINT).read_text(encoding="utf-8"))
        model = hashlib.sha256((out / MODEL).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return False
    return written.get("fingerprint") == wanted and written.get("model") == model


def train(data: Path, scratch: Path) -> Path:
    """Train with Rasa into `scratch`; returns the archive. Raises RuntimeError when Rasa made none."""
    from ruamel.yaml import YAML  # noqa: PLC0415 (a run with nothing to do imports neither)

    config = YAML(typ="safe").load(HERE / "config.yml")
    sys.path.insert(0, str(HERE))
    from quiet import prepare, quiet_structlog  # noqa: PLC0415

    prepare([part["name"] for part in config["pipeline"]])
    from rasa.model_training import train_nlu  # noqa: PLC0415

    quiet_structlog()

    made = train_nlu(
        config=str(HERE / "config.yml"),
        nlu_data=str(data),
        output=str(scratch),
        fixed_model_name="current",
        domain=str(HERE / "domain.yml"),
    )
    if made is None or not Path(made).is_file():
        raise RuntimeError("Rasa made no model")
    return Path(made)


def publish(made: Path, out: Path, hashes: dict[str, str]) -> None:
    """Put the archive and its fingerprint in their places; each is replaced whole or not at all."""
    note = {
        "fingerprint": fingerprint(hashes),
        "model": hashlib.sha256(made.read_bytes()).hexdigest(),
        "inputs": hashes,
    }
    draft = made.with_name(FINGERPRINT)
    draft.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    os.replace(made, out / MODEL)
    os.replace(draft, out / FINGERPRINT)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Train Koudmen's language model if anything it is made of changed.")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder of <language>/*.yml")
    parser.add_argument("--out", type=Path, default=HERE / "models", help="folder of the model")
    parser.add_argument("--force", action="store_true", help="train although nothing changed")
    args = parser.parse_args()
    hashes = inputs(args.data)
    if not args.force and is_current(args.out, fingerprint(hashes)):
        print("model: unchanged, nothing to train")
        return 0
    files = sum(name.startswith("data/") for name in hashes)
    if not files:
        print(f"model: no training data in {args.data}", file=sys.stderr)
        return 1
    print(f"model: training on {files} files of {args.data} (some minutes)", flush=True)
    begun = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out, prefix=".training-") as scratch:
        publish(train(args.data.resolve(), Path(scratch)), args.out, hashes)
    size = (args.out / MODEL).stat().st_size / 1e6
    print(f"model: {args.out / MODEL} ({size:.1f} MB) after {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
