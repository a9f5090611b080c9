"""The server's process: how it ends, and that it serves the right application alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service, free_port, wait_until

# Parts that belong together are in koudmen/processes.py; these do not.
WRONG = [("gunicorn_conf", "webhooks.app:create_front()"), ("gunicorn_web", "webhooks.app:create_app()")]


@pytest.fixture
def server(twilio_process: Service, tmp_path: Path) -> Iterator[Service]:
    """One of its own, on the same database."""
    service = Service({**twilio_process.env, "PORT": str(free_port())}, tmp_path)
    service.start("web")
    yield service
    service.stop()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_it_ends_when_it_is_told_to(server: Service, told: signal.Signals) -> None:
    server.running["web"].send_signal(told)
    server.running["web"].wait(4)  # gunicorn kills after 5 s
    assert "SIGKILL" not in server.logs()
    assert not server.answers()


def test_it_does_not_outlive_gunicorn(server: Service) -> None:
    """A worker without its master would keep the port from whatever is started next."""
    os.kill(server.running["web"].pid, signal.SIGKILL)
    wait_until(lambda: not server.answers(), "the worker has ended", 15)


@pytest.mark.parametrize(("config", "application"), WRONG)
def test_an_application_that_is_another_server_s_is_refused_at_the_start(
    twilio_process: Service, config: str, application: str
) -> None:
    argv = [sys.executable, "-m", "gunicorn", "-c", f"python:koudmen.{config}", "-b", f"127.0.0.1:{free_port()}"]
    done = subprocess.run(
        [*argv, application], env=twilio_process.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "koudmen.gunicorn_web" in done.stderr
