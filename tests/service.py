"""The whole service as real processes, for tests that talk to it from outside and kill parts of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import urllib3

HTTP = urllib3.PoolManager(retries=False, timeout=5)
COMMANDS = {
    "web": ["-m", "gunicorn", "-c", "python:koudmen.gunicorn_web", "webhooks.app:create_front()"],
    "turn": ["-m", "koudmen.cli", "worker", "turn"],
    "send": ["-m", "koudmen.cli", "worker", "protect", "send"],
    "sweeper": ["-m", "koudmen.cli", "sweeper"],
    "engine": ["-m", "koudmen.cli", "engine"],
}


class Service:
    """Web, workers and sweeper with an environment. `kill` is kill -9; `start` brings a part back. `host` is where web
    listens, `within` a command that runs another (in a network of its own)."""

    def __init__(
        self, env: dict[str, str], folder: Path, *, host: str = "127.0.0.1", within: Sequence[str] = ()
    ) -> None:
        self.env = {**os.environ, **env}
        self.folder, self.host, self.within = folder, host, within
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.port = int(env["PORT"])

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self, *names: str) -> None:
        for name in names or COMMANDS:
            bind = ["--bind", f"{self.host}:{self.port}"] if name == "web" else []
            with (self.folder / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    [*self.within, sys.executable, *COMMANDS[name], *bind],
                    env=self.env,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        if not names or "web" in names:
            wait_until(self.answers, "the web process answers", 60)
        if not names:
            wait_until(self.workers_beat, "the workers have started", 60)

    def workers_beat(self) -> bool:
        """Every worker has started and says so."""
        parts = orjson.loads(HTTP.request("GET", f"{self.url}/readyz").data)["parts"]
        return {parts.get("worker turn", ""), parts.get("worker protect send", "")} == {"ok"}

    def answers(self) -> bool:
        try:
            return HTTP.request("GET", f"{self.url}/healthz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def kill(self, name: str) -> None:
        """As a power cut would: the process and its children, at once."""
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running.pop(name).wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.running.clear()

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Return when `ready()`; AssertionError naming `what` when it does not happen in time."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise AssertionError(f"within {seconds} s: {what}")
        time.sleep(0.05)
