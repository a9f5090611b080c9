"""`koudmen up` itself, from an empty folder to a service that answers, and back to nothing."""

import os
import signal
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from koudmen import family, home
from koudmen.ports import free_port
from koudmen.process import MARK
from koudmen.processes import http_answers
from tests.koudmen.test_up_supervisor import Running
from tests.service import wait_until

FOREIGN = ("DATABASE_URL", "REDIS_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")


def ours(folder: Path) -> list[int]:
    return [pid for pid in family.every_process() if family.environment_of(pid).get(MARK) == str(folder)]


def body(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.slow
def test_it_serves_mends_itself_and_leaves_nothing(
    tmp_path: Path, rasa: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, staff_port = free_port(), free_port()
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    url, token = rasa
    told = {"PORT": port, "STAFF_PORT": staff_port, "RASA_URL": url, "RASA_TOKEN": token, "KOUDMEN_HOME": tmp_path}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    running = Running(tmp_path, [sys.executable, "-m", "koudmen.cli", "up"])
    try:
        assert f"http://127.0.0.1:{port}/simulator" in running.line("the phone")
        assert f"http://127.0.0.1:{staff_port}/" in running.line("the staff site")
        assert '"ready":true' in body(port, "/readyz")
        assert set(home.read_addresses(tmp_path)) == {"DATABASE_URL", "REDIS_URL", "RASA_URL", "RASA_TOKEN"}
        for name, title in (("web", "the public application"), ("postgres", "PostgreSQL"), ("valkey", "Valkey")):
            os.kill(running.pid(name), signal.SIGKILL)
            assert "killed by SIGKILL" in running.line(f"{title} died")
            running.line(f"{title}: ready")
        wait_until(lambda: http_answers(f"http://127.0.0.1:{port}/readyz"), "readiness after the deaths", 30)
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 0
        assert not ours(tmp_path)
        left = {path.name for path in (tmp_path / "run").iterdir()}
        assert left <= {"metrics", "up.lock", "postgres.lock", "valkey.lock"}
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stdout
        running.process.stdout.close()
        home.end_leftovers(tmp_path)
