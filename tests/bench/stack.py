"""The service as `koudmen up` runs it, in a home of its own, with the Twilio double in place of Twilio."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import orjson
import urllib3
import yaml
from sqlalchemy import Engine, text

from base.crypto import load_keys
from base.db import make_engine, use_keys
from base.settings import ROOT
from koudmen import home
from tests.fakes.twilio import TwilioDouble
from tests.service import HTTP, free_port, wait_until

# Left out of what the service is told: this machine's own service, and what makes every process compile its modules.
FOREIGN = ("KOUDMEN_", "TWILIO_", "RASA_", "DATABASE_URL", "REDIS_URL", "PUBLIC_BASE_URL", "PYTHONDONTWRITEBYTECODE")
CALLBACK_THREADS = (
    16  # a carrier reports on many messages at once; with too few, the reports come after the measurement
)
SEGMENTS_PER_S = 10_000.0  # the carrier's limit on a sender is no limit of ours: lifted
BEATING = {"sweeper", "engine", "worker send", "worker protect"}
WORKERS = ("worker-turn", "worker-turn-2", "worker-send", "worker-protect", "sweeper")


@dataclass(frozen=True)
class Stack:
    """A running service: its home, its database, and the carrier it talks to."""

    folder: Path
    engine: Engine
    double: TwilioDouble

    def parts(self) -> dict[str, int]:
        """Every process of the service, by the name of its log."""
        return {path.stem: int(path.read_text()) for path in (self.folder / "run").glob("*.pid")}

    @contextmanager
    def workers_paused(self) -> Iterator[None]:
        """Nobody answers for the length of the block; what was written down meanwhile is marked as done."""
        workers = [pid for name, pid in self.parts().items() if name in WORKERS]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with self.engine.begin() as connection:
                connection.execute(text("UPDATE inbound_message SET handled_at = now() WHERE handled_at IS NULL"))
            for pid in workers:
                os.kill(pid, signal.SIGCONT)


@contextmanager
def running(
    folder: Path,
    *,
    sweeper: Mapping[str, str] = MappingProxyType({}),
    env: Mapping[str, str] = MappingProxyType({}),
    turn_workers: int = 2,
) -> Iterator[Stack]:
    """Everything started and ready; stopped at the end. `sweeper` changes settings of that name in config.yml, `env` is
    added to the environment."""
    home.make(folder)
    port = free_port()
    with ExitStack() as stack:
        double = TwilioDouble(f"http://127.0.0.1:{port}", permissive=True, callback_threads=CALLBACK_THREADS)
        stack.callback(double.stop)
        stack.enter_context(
            _up(folder, {**_environment(folder, port, double, sweeper), "TURN_WORKERS": str(turn_workers), **env})
        )
        wait_until(lambda: _ready(port, turn_workers), f"the service is ready ({folder / 'up.log'})", 90)
        use_keys(load_keys(None, folder))
        engine = make_engine(home.read_addresses(folder)["DATABASE_URL"], pool_size=2)
        stack.callback(engine.dispose)
        yield Stack(folder, engine, double)


def _environment(folder: Path, port: int, double: TwilioDouble, sweeper: Mapping[str, str]) -> dict[str, str]:
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    for channel in ("sms", "whatsapp"):
        config["channels"][channel]["segments_per_s"] = SEGMENTS_PER_S
    config["sweeper"] |= {"synthetic": "0 s", "reconcile": "0 s", **sweeper}  # every message is ours
    (folder / "config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    ours = {"KOUDMEN_HOME": str(folder), "KOUDMEN_CONFIG": str(folder / "config.yml"), "KOUDMEN_REHEARSAL": "1"}
    return {**kept, **ours, "PORT": str(port), "STAFF_PORT": str(free_port()), **double.environment()}


@contextmanager
def _up(folder: Path, env: dict[str, str]) -> Iterator[None]:
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "koudmen.cli", "up"], cwd=ROOT, env=env, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            home.end_leftovers(folder, grace_s=2)
            print("the service had to be killed", flush=True)


def _ready(port: int, turn_workers: int) -> bool:
    """All workers beat and Rasa answers."""
    try:
        turning = {"worker turn", *(f"worker turn {number}" for number in range(2, turn_workers + 1))}
        parts = orjson.loads(HTTP.request("GET", f"http://127.0.0.1:{port}/readyz").data)["parts"]
    except (urllib3.exceptions.HTTPError, orjson.JSONDecodeError):
        return False
    return parts.get("rasa") == "ok" and {name for name, state in parts.items() if state == "ok"} >= BEATING | turning
