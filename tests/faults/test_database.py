"""The database is stopped, restarted and frozen while people write: every webhook is answered 204 in time, and every
message is answered once when it is back. A full disk is told at once."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from base.db import make_engine
from koudmen import family
from koudmen.child import Child
from koudmen.database import upgrade_at
from koudmen.home import make as make_home
from koudmen.postgres import postgres_process, postgres_url
from messaging.models import InboundMessage
from tests.conftest import KEYS
from tests.fakes.twilio_ground import ACCOUNT_SID, AUTH_TOKEN, SMS_FROM
from tests.service import Service, free_port, wait_until
from tests.webhooks.caller import Caller, sms

pytestmark = pytest.mark.slow
IN_TIME_S = 8.0  # Twilio waits 15 s


class Database:
    """A PostgreSQL of its own that syncs its disk, with the public application on it."""

    def __init__(self, folder: Path) -> None:
        make_home(folder)
        self.folder = folder
        self.child = Child(postgres_process(folder), folder)
        self.start()
        self.engine: Engine = make_engine(postgres_url(folder))
        upgrade_at(self.engine)
        port = free_port()
        env = {
            "KOUDMEN_HOME": str(folder), "KOUDMEN_KEYS": KEYS, "KOUDMEN_REHEARSAL": "1", "PORT": str(port),
            "DATABASE_URL": postgres_url(folder), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_SMS_FROM": SMS_FROM,
        }  # fmt: skip
        self.service = Service(env, folder)
        self.service.start("web")
        self.web = Caller(self.service.url, self.service.url)

    def start(self) -> None:
        self.child.start()
        ready = self.child.process.ready
        assert ready
        wait_until(ready, "PostgreSQL answers", 30)

    def stop(self) -> None:
        self.child.stop()

    def freeze(self, signum: signal.Signals) -> None:
        """Stop or go on: the server and every process of its sessions."""
        for pid in family.every_process():
            if family.folder_of(pid) == self.folder / "postgres":
                os.kill(pid, signum)

    def bodies(self) -> list[str | None]:
        with Session(self.engine) as session:
            return list(session.scalars(select(InboundMessage.body).order_by(InboundMessage.id)))

    def has(self, count: int) -> bool:
        try:
            with Session(self.engine) as session:
                return session.scalar(select(func.count()).select_from(InboundMessage)) == count
        except SQLAlchemyError:
            return False

    @property
    def spooled(self) -> int:
        return len(list((self.folder / "spool").glob("*.spool")))

    def close(self) -> None:
        self.service.stop()
        self.engine.dispose()
        self.stop()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = Database(tmp_path_factory.mktemp("database"))
    yield found
    found.close()


@pytest.fixture
def database(kept: Database) -> Database:
    with Session(kept.engine) as session, session.begin():
        session.execute(InboundMessage.__table__.delete())  # type: ignore[attr-defined]
    return kept


def test_messages_of_a_restart_are_taken_in_order(database: Database) -> None:
    web = database.web
    assert web.post(sms("before")).status == 204
    database.stop()
    assert [web.post(sms(f"during {n}")).status for n in range(5)] == [204] * 5
    assert database.spooled
    database.start()
    wait_until(lambda: database.has(6), "all are in the inbox", 20)
    assert web.post(sms("after")).status == 204
    wait_until(lambda: database.has(7), "the last one too", 20)
    assert database.bodies() == ["before", *(f"during {n}" for n in range(5)), "after"]
    assert database.spooled == 0


def test_it_outlives_a_web_process_killed_meanwhile(database: Database) -> None:
    database.stop()
    assert database.web.post(sms("kept")).status == 204
    database.service.kill("web")
    database.start()
    database.service.start("web")
    wait_until(lambda: database.has(1), "the new process has taken it in", 20)
    assert database.bodies() == ["kept"]


def test_a_frozen_database_holds_up_no_webhook(database: Database) -> None:
    database.freeze(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert [database.web.post(sms(f"{n}")).status for n in range(20)] == [204] * 20
        assert time.monotonic() - begun < IN_TIME_S
    finally:
        database.freeze(signal.SIGCONT)
    wait_until(lambda: database.has(20), "all are in the inbox", 20)
    assert database.bodies() == [f"{n}" for n in range(20)]


def test_a_repeat_from_the_carrier_has_one_effect(database: Database) -> None:
    fields = sms("once")
    database.stop()
    assert {database.web.post(fields).status for _ in range(3)} == {204}
    database.start()
    wait_until(lambda: database.has(1) and not database.spooled, "it is in the inbox", 20)
    assert database.web.post(fields).status == 204
    assert database.has(1)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_a_full_disk_is_told_at_once(database: Database) -> None:
    """Neither database nor disk: 503, so that Twilio calls the fallback address."""
    limits = {
        pid: resource.prlimit(pid, resource.RLIMIT_FSIZE)
        for pid in family.every_process()
        if family.environment_of(pid).get("PORT") == str(database.service.port)
    }
    database.stop()
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    begun = time.monotonic()
    assert database.web.post(sms("refused")).status == 503
    assert time.monotonic() - begun < IN_TIME_S
    for pid, limit in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    assert database.web.post(sms("taken")).status == 204
    database.start()
    wait_until(lambda: database.has(1), "the one that was taken is there", 20)
    assert database.bodies() == ["taken"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_disk_that_fills_up_loses_nothing_that_was_taken(database: Database, tmp_path: Path) -> None:
    """A spool on a disk of 64 kB while the database is away: 204 until it is full, then 503, and all the former are
    taken in afterwards."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    port = free_port()
    env = {**database.service.env, "KOUDMEN_SPOOL": str(disk / "spool"), "PORT": str(port)}
    service = Service(env | {"PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}, tmp_path)
    try:
        service.start("web")
        web = Caller(service.url, service.url)
        database.stop()
        statuses = [web.post(sms(f"{n}")).status for n in range(40)]
        taken = statuses.count(204)
        assert 5 < taken < 40
        assert statuses == [204] * taken + [503] * (40 - taken)
        database.start()
        wait_until(lambda: database.has(taken), "all that was taken is in the inbox", 20)
        assert database.bodies() == [f"{n}" for n in range(taken)]
        assert web.post(sms("after")).status == 204
    finally:
        service.stop()
        subprocess.run(["umount", disk], check=True)


def test_a_spool_that_cannot_be_written_refuses_the_start(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    env = {**database.service.env, "KOUDMEN_SPOOL": str(tmp_path / "file" / "spool"), "PORT": str(free_port())}
    service = Service(env, tmp_path)
    service.running["web"] = process = _start(service)
    assert process.wait(30) != 0
    assert "KOUDMEN_SPOOL" in service.logs()


def _start(service: Service):  # type: ignore[no-untyped-def]
    from tests.service import COMMANDS

    with (service.folder / "web.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *COMMANDS["web"], "--bind", f"127.0.0.1:{service.port}"],
            env=service.env,
            stdout=log,
            stderr=log,
        )
