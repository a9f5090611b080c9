"""A Rasa for one command: the one the settings name, the one `make up` runs, or one started for as long as needed."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import urllib3

from base.errors import ConfigError
from base.settings import ROOT, Settings
from bot.rasa import NluClient, Rasa
from koudmen.nlu_versions import SHIPPED, model_in_use

MODEL = SHIPPED
PYTHON = ROOT / "nlu" / ".venv" / "bin" / "python"
START_S = 120


@contextmanager
def standing_nlu(settings: Settings) -> Iterator[NluClient]:
    """A client of a Rasa that answers, patient (a command waits rather than guesses)."""
    if settings.rasa_url:
        yield patient(settings.rasa_url, settings.rasa_token)
        return
    with started_rasa(model_in_use(settings.home)) as (url, token):
        yield patient(url, token)


@contextmanager
def started_rasa(model: Path = MODEL) -> Iterator[tuple[str, str]]:
    """Start Rasa on a free port of loopback and stop it at the end. Gives its address and token."""
    if not model.exists() or not PYTHON.exists():
        raise ConfigError("there is no trained model yet: run `make up` or `make test` once, or use --offline")
    port, token = _free_port(), secrets.token_urlsafe(16)
    env = {**os.environ, "RASA_PORT": str(port), "RASA_TOKEN": token, "RASA_MODEL": str(model)}
    process = subprocess.Popen(
        [PYTHON, ROOT / "nlu" / "serve.py"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_rasa(url, token, process)
        yield url, token
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for_rasa(url: str, token: str, process: "subprocess.Popen[bytes]") -> None:
    """Return when the model answers; ConfigError when it does not come up."""
    http = urllib3.PoolManager(timeout=urllib3.Timeout(total=5), retries=False)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ConfigError(f"Rasa ended with exit code {process.returncode} while starting")
        try:
            if http.request("GET", f"{url}/status?token={token}").status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.2)
    raise ConfigError(f"Rasa did not answer within {START_S} s")


def patient(url: str, token: str | None) -> Rasa:
    """A client that waits rather than guesses."""
    return Rasa(url, token, timeout=timedelta(seconds=10), failures=20, pause=timedelta(seconds=1))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
