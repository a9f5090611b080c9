"""Serve the model: Rasa's HTTP API on this machine only, in one process, with a token.

Environment: `RASA_TOKEN` (needed), `RASA_PORT` (5005), `RASA_MODEL` (nlu/models/current.tar.gz).
Exit code 2 when one of them is wrong. SIGTERM and SIGINT end it after the answers under way.
No text reaches a log: nothing below WARNING is written, and there is no access log.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    token: str
    port: int
    model: Path


def settings(environment: dict[str, str]) -> Settings:
    """Read the environment. Raises ValueError in words for the operator."""
    token = environment.get("RASA_TOKEN", "")
    if not token:
        raise ValueError("RASA_TOKEN is not set")
    port = environment.get("RASA_PORT", "5005")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("RASA_PORT is not a port")
    model = Path(environment.get("RASA_MODEL") or HERE / "models" / "current.tar.gz").resolve()
    if not model.is_file():
        raise ValueError(f"there is no model at {model}: run nlu/train.py")
    return Settings(token, int(port), model)


def component_names(model: Path) -> list[str]:
    """The classes a trained model is made of. Raises ValueError when the archive is not Rasa's."""
    try:
        with tarfile.open(model) as archive:
            metadata = archive.extractfile("metadata.json")
            found = json.load(metadata) if metadata else {}
        nodes = found["predict_schema"]["nodes"]
        return [node["uses"] for node in nodes.values()]
    except (tarfile.TarError, KeyError, OSError) as error:
        raise ValueError(f"{model} is not a Rasa model") from error


def give_back() -> None:
    """Give the system what loading a model took and no longer needs (some 10 MB; where the C library can)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def make_app(wanted: Settings) -> Any:
    """Rasa's own application, with the model loaded before the first request."""
    import many  # noqa: PLC0415 (found by the path set in `main`)
    from rasa import server  # noqa: PLC0415 (after the process is prepared)
    from rasa.core.agent import load_agent  # noqa: PLC0415

    # Nothing of ours runs in a browser: no foreign origin may call.
    app = server.create_app(cors_origins=[], auth_token=wanted.token)

    async def load(app: Any, _: asyncio.AbstractEventLoop) -> None:
        app.ctx.agent = await load_agent(model_path=str(wanted.model))
        if not app.ctx.agent.is_ready():
            raise RuntimeError(f"the model at {wanted.model} could not be loaded")
        gc.collect()
        gc.freeze()
        give_back()

    app.register_listener(load, "before_server_start")
    many.add_to(app, wanted.token)
    return app


def main() -> int:
    """Serve until told to end; returns the exit code."""
    try:
        wanted = settings(dict(os.environ))
        names = component_names(wanted.model)
    except ValueError as error:
        print(f"nlu: {error}", file=sys.stderr)
        return 2
    sys.path.insert(0, str(HERE))
    from quiet import prepare, quiet_structlog  # noqa: PLC0415 (found by the path set above)

    prepare(names)
    app = make_app(wanted)
    quiet_structlog()
    app.run(host="127.0.0.1", port=wanted.port, access_log=False, motd=False, workers=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
