"""An upgrade with its migrations while messages come in: the new code is started first, the upgrade runs, and every
message is there once and handled; what cannot be written meanwhile goes to the spool."""

import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from base.db import make_engine
from base.settings import ROOT
from tests import databases
from tests.conftest import KEYS, quiet_config
from tests.fakes.twilio import TwilioDouble
from tests.security.conftest import own_database
from tests.service import Service, free_port, wait_until
from tests.webhooks.caller import Caller, sms

__all__ = ["own_database"]
OLD = "0006"  # before columns of the outbox, of conversations and of the directory
SENDERS = 6


def to_old(url: str) -> None:
    """The database as an earlier version left it."""
    engine = make_engine(url)
    databases.down(engine, OLD)
    engine.dispose()


def version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def upgrade(url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "db", "upgrade"], cwd=ROOT, env={**os.environ, "DATABASE_URL": url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


class Crowd:
    """People who text one after the other, without end until `stop`; each answer is counted."""

    def __init__(self, web: Caller) -> None:
        self.web, self.over = web, threading.Event()
        self.answers: Counter[int] = Counter()
        self.sent: list[str] = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._text, args=(number,)) for number in range(SENDERS)]

    def _text(self, number: int) -> None:
        while not self.over.is_set():
            sid = f"SM{uuid.uuid4().hex}"
            fields = sms("I need food in Marigot", From=f"+176755501{number:02}", MessageSid=sid, SmsMessageSid=sid)
            answer = self.web.post(fields)
            with self.lock:
                self.sent.append(sid)
                self.answers[answer.status] += 1
            self.over.wait(0.15)

    @contextmanager
    def texting(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in self.threads:
                thread.join()

    def more(self, count: int) -> None:
        """Wait until so many more have been answered."""
        wanted = len(self.sent) + count
        wait_until(lambda: len(self.sent) >= wanted, f"{count} more messages are answered", 60)


@pytest.fixture
def service(own_database: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Service, Caller, str]]:
    to_old(own_database)
    port, base = (free := free_port()), f"http://127.0.0.1:{free}"
    double = TwilioDouble(base, permissive=True)
    env = {
        "KOUDMEN_HOME": str(tmp_path), "KOUDMEN_KEYS": KEYS, "KOUDMEN_CONFIG": str(quiet_config(tmp_path)),
        "KOUDMEN_REHEARSAL": "1", "DATABASE_URL": own_database,
        "REDIS_URL": redis_url, "PORT": str(port), **double.environment(),
    }  # fmt: skip
    running = Service(env, tmp_path)
    running.start("web", "turn", "send", "sweeper", "engine")
    yield running, Caller(running.url, base), own_database
    running.stop()
    double.stop()


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_while_the_tables_change(service: tuple[Service, Caller, str]) -> None:
    running, web, url = service
    crowd = Crowd(web)
    with crowd.texting():
        crowd.more(50)  # the new code on the old tables
        assert version(url) == OLD
        done = upgrade(url)
        assert (done.returncode, done.stdout) == (0, "database: up to date\n"), done.stderr
        crowd.more(50)
    assert set(crowd.answers) == {204}
    spool = running.folder / "spool"
    wait_until(lambda: not list(spool.glob("*.spool")), "the spool is emptied", 60)
    assert not list(spool.glob("*.damaged"))
    engine = make_engine(url)

    def count(what: str) -> int:
        with engine.connect() as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM inbound_message {what}")) or 0)

    wait_until(lambda: count("WHERE handled_at IS NULL") == 0, "all are handled", 90)
    with engine.connect() as connection:
        taken = connection.scalars(text("SELECT external_id FROM inbound_message")).all()
    assert sorted(taken) == sorted(crowd.sent)
    engine.dispose()


def test_a_table_that_is_held_is_waited_for_and_tried_again(own_database: str) -> None:
    to_old(own_database)
    with psycopg.connect(own_database) as holder:
        holder.execute("LOCK TABLE outbound_message IN ACCESS SHARE MODE")  # as a backup does
        done: list[subprocess.CompletedProcess[str]] = []
        upgrading = threading.Thread(target=lambda: done.append(upgrade(own_database)))
        upgrading.start()
        wait_until(lambda: _waiting(own_database), "it waits behind the backup", 60)
        wait_until(lambda: not _waiting(own_database), "and lets those go on who wait behind it", 60)
    upgrading.join()
    assert done[0].returncode == 0, done[0].stderr
    assert version(own_database) != OLD


def _waiting(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database AND d.datname = current_database()"
            " WHERE NOT granted AND mode LIKE 'Access%'"
        ).fetchone()
    return bool(row and row[0])
