"""Reads texts as messages are read: through `koudmen classify`, a process of the service's own environment."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / ".venv" / "bin" / "koudmen"
OURS_NOT_THEIRS = ("RASA_URL", "RASA_TOKEN", "KOUDMEN_CONFIG")


@dataclass(frozen=True)
class Answer:
    """What was read in one text (the fields of `koudmen classify`)."""

    language: str | None
    intent: str
    need: str | None
    concern: str | None
    severity: str | None
    place: str | None
    confidence: float
    source: str


def read(texts: Sequence[str], *, offline: bool) -> dict[str, Answer]:
    """Each text's answer. The model is `nlu/models/current.tar.gz`, never that of a service that happens to run.
    RuntimeError when the command fails or gives another number of answers."""
    once = list(dict.fromkeys(texts))
    lines = "".join(json.dumps({"text": text}) + "\n" for text in once)
    with tempfile.TemporaryDirectory() as home:
        env = {name: value for name, value in os.environ.items() if name not in OURS_NOT_THEIRS}
        done = subprocess.run(
            [COMMAND, "classify", *(["--offline"] if offline else [])],
            input=lines, capture_output=True, text=True, encoding="utf-8", check=False, cwd=ROOT,
            env={**env, "KOUDMEN_HOME": home},
        )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(answers) != len(once):
        raise RuntimeError(f"koudmen classify ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return {text: _answer(line) for text, line in zip(once, answers, strict=True)}


def _answer(line: dict[str, object]) -> Answer:
    return Answer(**{name: line.get(name) for name in Answer.__annotations__})  # type: ignore[arg-type]
