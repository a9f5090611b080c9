"""The story of a key that is changed: nothing is lost, nothing stays behind, and it may be broken off anywhere."""

import os
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from base.crypto import add_key, new_key_text, parse_keys
from base.db import keys, make_engine, make_sessions, transaction, use_keys
from base.settings import Settings, load_settings
from koudmen.commands.keys import encrypted_columns, rewrite, status
from koudmen.runtime import Runtime
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import Address, Conversation, InboundMessage
from tests.service import wait_until

pytestmark = pytest.mark.usefixtures("keys_given_back")
OLD = new_key_text()
BOTH = add_key(OLD)
NEW_ONLY = " ".join(word for word in BOTH.split() if not word.startswith("1:"))


@pytest.fixture
def sessions(own_database: str) -> Iterator[sessionmaker[Session]]:
    engine = make_engine(own_database, pool_size=4)
    yield make_sessions(engine)
    engine.dispose()


def runtime(url: str, ring: str, sessions: sessionmaker[Session] | None = None) -> Runtime:
    """This process as it would be after a start with these keys."""
    settings: Settings = load_settings({"DATABASE_URL": url, "KOUDMEN_KEYS": ring})
    use_keys(parse_keys(ring))
    made = sessions or make_sessions(make_engine(url, pool_size=2))
    return Runtime(settings, made.kw["bind"], made)


def write(sessions: sessionmaker[Session], count: int, start: int = 0) -> None:
    """Messages of 100 people, in every encrypted column of the inbox."""
    with transaction(sessions) as session:
        for number in range(start, start + count):
            address = f"+176755501{number % 100:02}"
            extra = {"button": f"b{number}"}
            inbox.receive(session, Inbound("test", f"SM{number}", "sms", address, f"words {number}", extra=extra))


def check_readable(sessions: sessionmaker[Session], count: int) -> None:
    """Every message and address opens and is what was written; people are found by their address."""
    with sessions() as session:
        bodies = session.scalars(select(InboundMessage.body).order_by(InboundMessage.external_id)).all()
        assert sorted(b or "" for b in bodies) == sorted(f"words {n}" for n in range(count))
        extras = session.scalars(select(InboundMessage.extra)).all()
        assert {extra["button"] for extra in extras} == {f"b{n}" for n in range(count)}
        for value, lookup in session.execute(select(Address.value, Address.lookup)):
            assert lookup == keys().lookup("sms", value)


def test_every_encrypted_column_is_known_and_can_be_rewritten() -> None:
    columns = {f"{table.name}.{column.name}" for table, column in encrypted_columns()}
    assert columns >= {"address.value", "inbound_message.body", "inbound_message.extra", "outbound_message.body"}
    for table, column in encrypted_columns():
        assert len(table.primary_key.columns) == 1, table.name
        assert column.type.purpose == f"{table.name}.{column.name}"  # type: ignore[attr-defined]


def test_old_key_both_keys_rewritten_new_key(own_database: str, sessions: sessionmaker[Session]) -> None:
    old = runtime(own_database, OLD, sessions)
    write(sessions, 120)
    assert status(old) == {1: 120 + 120 + 100}

    both = runtime(own_database, BOTH, sessions)
    check_readable(sessions, 120)
    write(sessions, 30, start=120)
    assert status(both) == {1: 340, 2: 60}
    assert rewrite(both) == 340
    assert status(both) == {2: 400}
    assert rewrite(both) == 0

    new = runtime(own_database, NEW_ONLY, sessions)
    check_readable(sessions, 150)
    assert status(new) == {2: 400}
    write(sessions, 5, start=150)  # the same people are found again, by the look-up key that has stayed
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Address)) == 100


class Interrupted(sessionmaker[Session]):
    """Sessions that are pulled out from under the work after some transactions."""

    def __init__(self, *args: Any, after: int, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.left = after

    def __call__(self, **local_kw: Any) -> Session:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__call__(**local_kw)


def test_broken_off_and_repeated(own_database: str, sessions: sessionmaker[Session]) -> None:
    runtime(own_database, OLD, sessions)
    write(sessions, 700)
    columns = len(list(encrypted_columns()))  # each takes one transaction or more
    for after in (1, columns // 2, columns):
        broken = Interrupted(sessions.kw["bind"], expire_on_commit=False, after=after)
        with pytest.raises(KeyboardInterrupt):
            rewrite(runtime(own_database, BOTH, broken))
        both = runtime(own_database, BOTH, sessions)
        assert sum(status(both).values()) == 700 + 700 + 100
        check_readable(sessions, 700)
    assert status(both).keys() == {1, 2}
    assert rewrite(both) < 1500
    assert status(both) == {2: 1500}
    runtime(own_database, NEW_ONLY, sessions)
    check_readable(sessions, 700)


def test_while_messages_come_in_and_conversations_change(own_database: str, sessions: sessionmaker[Session]) -> None:
    runtime(own_database, OLD, sessions)
    write(sessions, 600)
    late = parse_keys(OLD)  # of a process that has not been restarted yet
    both = runtime(own_database, BOTH, sessions)
    with sessions() as session:
        talking = session.scalars(select(Conversation.id).limit(1)).one()
        inbound_id = session.scalars(select(InboundMessage.id).limit(1)).one()
    stop, counted = threading.Event(), [0]

    def go_on() -> None:
        while not stop.is_set():
            number = counted[0] = counted[0] + 1
            write(sessions, 1, start=599 + number)
            _store_state(sessions, talking, number)
            _store_with(sessions, inbound_id, late.encrypt(b'{"button":"b0"}', "inbound_message.extra"))

    thread = threading.Thread(target=go_on)
    thread.start()
    rewrite(both)
    wait_until(lambda: counted[0] > 3, "the service goes on")
    rewrite(both)
    stop.set()
    thread.join()
    rewrite(both)
    assert status(both).keys() == {2}
    runtime(own_database, NEW_ONLY, sessions)
    with sessions() as session:
        assert session.get_one(Conversation, talking).state == {"turn": counted[0]}
        assert session.scalar(select(func.count()).select_from(InboundMessage)) == 600 + counted[0]
        assert all(body.startswith("words ") for body in session.scalars(select(InboundMessage.body)) if body)


def _store_state(sessions: sessionmaker[Session], conversation: uuid.UUID, number: int) -> None:
    with transaction(sessions) as session:
        session.execute(update(Conversation).where(Conversation.id == conversation).values(state={"turn": number}))


def _store_with(sessions: sessionmaker[Session], inbound_id: int, stored: bytes) -> None:
    with transaction(sessions) as session:
        session.execute(
            text("UPDATE inbound_message SET extra = :stored WHERE id = :id"), {"stored": stored, "id": inbound_id}
        )


def test_a_row_that_the_service_holds_is_waited_for(own_database: str, sessions: sessionmaker[Session]) -> None:
    runtime(own_database, OLD, sessions)
    write(sessions, 3)
    both = runtime(own_database, BOTH, sessions)
    with sessions() as holding, holding.begin():
        holding.execute(select(InboundMessage.id).limit(1).with_for_update())
        thread = threading.Thread(target=rewrite, args=(both,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join()
    assert status(both) == {2: 9}


def test_too_early_without_the_old_key_the_key_is_named(own_database: str, sessions: sessionmaker[Session]) -> None:
    runtime(own_database, OLD, sessions)
    write(sessions, 1)
    done = _command(own_database, "rewrite", KOUDMEN_KEYS=NEW_ONLY)
    assert done.returncode == 2
    assert done.stderr == ("koudmen keys: a stored value needs key 1, which KOUDMEN_KEYS does not hold\n")


def _command(url: str, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "keys", *words],
        env={**os.environ, "DATABASE_URL": url, **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_with_a_key_file(own_database: str, sessions: sessionmaker[Session], tmp_path: Path) -> None:
    home, file = {"KOUDMEN_HOME": str(tmp_path)}, tmp_path / "keys"
    assert _command(own_database, "status", **home).returncode == 0
    runtime(own_database, file.read_text(), sessions)
    write(sessions, 2)
    rotated = _command(own_database, "rotate", **home)
    assert "restart the service" in rotated.stdout
    assert "rewrite" in rotated.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
    # Not before every process has been restarted: until then they could not read what is written with the new key.
    assert _command(own_database, "status", **home).stdout == "key 1: 6 values\n"
    assert _command(own_database, "rewrite", **home).stdout == "written again: 6 values\nkey 2: 6 values\n"
    ring = file.read_text()
    assert all(word.partition(":")[2] not in rotated.stdout + rotated.stderr for word in ring.split())
    file.write_text(" ".join(word for word in ring.split() if not word.startswith("1:")))
    assert _command(own_database, "status", **home).stdout == "key 2: 6 values\n"
    runtime(own_database, file.read_text(), sessions)
    check_readable(sessions, 2)


def test_the_command_with_keys_of_the_environment(own_database: str) -> None:
    rotated = _command(own_database, "rotate", KOUDMEN_KEYS=OLD)
    told, ring = rotated.stdout.splitlines()
    assert "KOUDMEN_KEYS" in told
    assert "restart" in told
    assert parse_keys(ring).order == (2, 1)
    assert set(OLD.split()) < set(ring.split())
    assert rotated.returncode == 0


def test_a_key_file_that_others_can_read_stops_every_command(own_database: str, tmp_path: Path) -> None:
    assert _command(own_database, "status", KOUDMEN_HOME=str(tmp_path)).returncode == 0
    (tmp_path / "keys").chmod(0o644)
    for action in ("status", "rotate", "rewrite"):
        done = _command(own_database, action, KOUDMEN_HOME=str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert "can be read by others; run: chmod 600" in done.stderr
