"""Live pages on the server they run on: they leave threads for other pages, and do not hold up its end."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import ROOT, Settings
from dashboard.accounts import sessions as places
from tests.conftest import KEYS
from tests.dashboard.queue_world import opened
from tests.service import free_port, wait_until

THREADS = 18  # two live pages, and 16 for the others


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[bytes]


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Server]:
    """The staff site as it is served, with few threads."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KOUDMEN", "TWILIO"))}
    told = {"KOUDMEN_HOME": str(tmp_path), "KOUDMEN_KEYS": KEYS, "KOUDMEN_REHEARSAL": "1", "STAFF_PORT": str(port)}
    servers = {"DATABASE_URL": str(settings.database_url), "REDIS_URL": str(settings.redis_url)}
    argv = [sys.executable, "-m", "gunicorn", "--config", "python:koudmen.gunicorn_conf", "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*argv, "--threads", str(THREADS), "dashboard.app:create_app()"], cwd=ROOT, env={**env, **told, **servers}
    )
    wait_until(lambda: _answers(port), "the staff site answers", 60)
    yield Server(port, process)
    process.kill()
    process.wait()


def _answers(port: int) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/healthz", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_pages_go_on_beside_live_ones_and_the_server_ends_when_told(
    server: Server, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    with transaction(sessions) as session:
        token = places.begin(session, people["officer"], "totp", "", datetime.now(UTC))
    pool, headers = urllib3.PoolManager(maxsize=30, retries=False), {"Cookie": f"koudmen-staff={token}"}
    base = f"http://127.0.0.1:{server.port}"
    streams = [pool.request("GET", f"{base}/live", headers=headers, preload_content=False) for _ in range(3)]
    assert [one.status for one in streams] == [200, 200, 503]
    assert pool.request("GET", f"{base}/queue", headers=headers).status == 200
    told = [one.stream(200) for one in streams[:2]]
    assert [next(one) for one in told] == [b"retry: 3000\n\n"] * 2
    code = opened(sessions).code.encode()
    while b"event: queue" not in next(told[0]):
        pass
    assert code in pool.request("GET", f"{base}/queue/rows", headers=headers).data
    server.process.terminate()
    for one in told:
        assert all(b"event: signed-out" not in part for part in one), "ended whole, by the server, not cut off"
    assert server.process.wait(30) == 0
