"""Messages and reports while the database is away: kept, taken in order when it is back, each with one effect."""

import asyncio
import itertools
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from base.clock import now
from base.db import make_engine
from base.settings import Settings
from messaging import inbox, intake, outbox
from messaging.inbound import Inbound
from messaging.intake import Intake, flush
from messaging.models import Conversation, InboundMessage, OutboundMessage
from messaging.outbox import Lane
from messaging.reports import Report
from messaging.spool import Spool
from tests.service import wait_until

AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    found = Spool(tmp_path / "spool")
    found.check()
    return found


@pytest.fixture
def rung() -> list[str]:
    return []


@pytest.fixture
def away(settings: Settings, spool: Spool, rung: list[str]) -> Intake:
    """An intake whose database does not answer."""
    return Intake(make_engine(AWAY), spool, settings.config.outbox, lambda: rung.append("turn"))


@pytest.fixture
def here(engine: Engine, settings: Settings, spool: Spool, rung: list[str]) -> Intake:
    """An intake of the same spool whose database answers."""
    return Intake(engine, spool, settings.config.outbox, lambda: rung.append("turn"))


def sms(number: int, who: str = "+17675550101", **more: object) -> Inbound:
    return Inbound("twilio", f"SM{number}", "sms", who, f"words {number}", "text", dict(more))


def take(intake: Intake, message: Inbound) -> str:
    return asyncio.run(intake.take(message))


def report(intake: Intake, told: Report) -> None:
    asyncio.run(intake.report(told))


def stored(engine: Engine) -> list[InboundMessage]:
    with Session(engine) as session:
        return list(session.scalars(select(InboundMessage).order_by(InboundMessage.id)))


def test_what_came_while_it_was_away_is_taken_in_later_in_order(
    engine: Engine, away: Intake, here: Intake, rung: list[str]
) -> None:
    before = now()
    assert [take(away, sms(n, latitude=15.3)) for n in range(5)] == ["spooled"] * 5
    after = now()
    assert stored(engine) == []
    assert here.flush() == 5
    found = stored(engine)
    assert [message.body for message in found] == [f"words {n}" for n in range(5)]
    assert all(message.extra == {"latitude": 15.3} for message in found)
    assert all(before <= message.received_at <= after for message in found)
    assert (rung, here.spool.empty()) == (["turn"], True)


def test_a_message_does_not_overtake_those_in_the_spool(engine: Engine, away: Intake, here: Intake) -> None:
    take(away, sms(1))
    take(here, sms(2))  # behind it in the spool, or in the database after it
    here.flush()
    assert take(here, sms(3)) == "new"
    assert [message.external_id for message in stored(engine)] == ["SM1", "SM2", "SM3"]


def test_it_has_one_effect_however_often_it_came(engine: Engine, away: Intake, here: Intake) -> None:
    assert take(here, sms(1)) == "new"
    take(away, sms(1))
    take(away, sms(1))
    here.flush()
    assert take(here, sms(1)) == "repeat"
    assert len(stored(engine)) == 1


def test_a_crash_between_commit_and_removal_does_no_harm(engine: Engine, away: Intake, here: Intake) -> None:
    take(away, sms(1))
    [name] = here.spool.names()
    copy = (here.spool.folder / name).read_bytes()
    here.flush()
    (here.spool.folder / name).write_bytes(copy)
    assert here.flush() == 1
    assert len(stored(engine)) == 1


def test_a_database_that_goes_away_in_the_middle_leaves_the_rest(
    engine: Engine, away: Intake, settings: Settings
) -> None:
    for number in range(3):
        take(away, sms(number))
    with pytest.raises(OperationalError):
        flush(away.engine, away.spool, settings.config.outbox, lambda: None)
    assert len(away.spool.names()) == 3


def test_a_message_that_the_database_refuses_is_set_aside_and_the_others_go_in(
    engine: Engine, away: Intake, here: Intake
) -> None:
    away.spool.put([{"of": "message", "at": now().isoformat(), **vars(sms(1)), "external_id": "SM\0"}])
    take(away, sms(2))
    assert here.flush() == 1
    assert [message.external_id for message in stored(engine)] == ["SM2"]
    assert (here.spool.damaged(), here.spool.empty()) == (1, True)


def test_reports_are_kept_too(sessions: sessionmaker[Session], away: Intake, here: Intake, settings: Settings) -> None:
    with sessions() as session, session.begin():
        conversation = session.get_one(Conversation, inbox.open_conversation(session, "sms", "+17675550101"))
        outbox.queue(session, conversation, "sms", ["OK"], lane=Lane.REPLY)
        found = outbox.claim_due(session, "sms", limit=1, hold=timedelta(seconds=20), rate=100)[0].id
        outbox.accepted(session, found, "SM9", "queued")
    for status in ("delivered", "sent"):
        report(away, Report(found, status, "SM9", 0))
    report(away, Report(uuid.uuid4(), "delivered", "SM8", 0))
    here.flush()
    with sessions() as session:
        assert session.get_one(OutboundMessage, found).delivery == "delivered"


def test_an_entry_that_nobody_understands_holds_up_no_other(engine: Engine, away: Intake, here: Intake) -> None:
    away.spool.put([{"of": "message", "at": "yesterday", "text": 5}])
    away.spool.put([{"of": "report", "outbound_id": "none", "status": "sent", "external_id": None, "code": 0}])
    take(away, sms(2))
    assert here.flush() == 1
    assert len(stored(engine)) == 1
    assert here.spool.damaged() == 2


def test_many_at_once_are_written_like_one_by_one(session: Session) -> None:
    people = [f"+176755501{n:02d}" for n in (1, 2, 1, 3, 2)]
    arrivals = [inbox.Arrival(sms(n, who)) for n, who in enumerate(people)] + [inbox.Arrival(sms(0, people[0]))]
    got = inbox.receive_many(session, arrivals)
    assert [one.message_id is None for one in got] == [False] * 5 + [True]
    ids = [one.message_id or 0 for one in got[:5]]
    assert ids == sorted(ids)
    assert len({one.conversation_id for one in got}) == 3
    assert got[0].conversation_id == got[2].conversation_id == got[5].conversation_id
    assert inbox.receive_many(session, arrivals)[0].message_id is None
    assert session.scalar(text("SELECT count(*) FROM contact")) == 3


def test_a_restart_takes_in_what_was_left(engine: Engine, away: Intake, settings: Settings, rung: list[str]) -> None:
    take(away, sms(1))
    again = Intake(engine, away.spool, settings.config.outbox, lambda: rung.append("turn"))
    again.start()
    wait_until(lambda: bool(rung), "the spool is emptied")
    assert len(stored(engine)) == 1


def test_many_files_are_taken_in_with_few_transactions(engine: Engine, away: Intake, here: Intake) -> None:
    """One at a time, more could come in than are taken out: they were never done, and nobody was answered."""
    for number in range(120):
        away.spool.put([{"of": "message", "at": now().isoformat(), **vars(sms(number, f"+1767555{number:04}"))}])
    commits: list[object] = []
    note = commits.append
    event.listen(engine, "commit", note)
    try:
        assert here.flush() == 120
    finally:
        event.remove(engine, "commit", note)
    assert len(commits) <= 5
    assert [message.external_id for message in stored(engine)] == [f"SM{number}" for number in range(120)]


def test_the_workers_hear_of_what_is_in_before_the_spool_is_empty(
    engine: Engine, away: Intake, settings: Settings
) -> None:
    for number in range(120):
        away.spool.put([{"of": "message", "at": now().isoformat(), **vars(sms(number, f"+1767555{number:04}"))}])
    waiting: list[int] = []
    flush(engine, away.spool, settings.config.outbox, lambda: waiting.append(len(away.spool.names())))
    assert waiting == [70, 20, 0]


def test_a_crowd_gets_out_of_the_spool_again(engine: Engine, here: Intake) -> None:
    """Eight people write without a pause while the last files are taken in: soon they go straight into the database."""
    here.spool.put([{"of": "message", "at": now().isoformat(), **vars(sms(0))}])
    over, straight, numbers = threading.Event(), threading.Event(), itertools.count(1)

    def write() -> None:
        while not over.is_set():
            number = next(numbers)
            if take(here, sms(number, f"+1767555{number:04}")) == "new":
                straight.set()

    people = [threading.Thread(target=write) for _ in range(8)]
    for person in people:
        person.start()
    try:
        assert straight.wait(20)
    finally:
        over.set()
        for person in people:
            person.join()
    wait_until(here.spool.empty, "nothing is left", 20)
    written = next(numbers)
    wait_until(lambda: len(stored(engine)) == written, "all are there", 20)


def test_a_carrier_with_eight_connections_does_not_wait_for_more(
    engine: Engine, settings: Settings, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While eight of its reports are gathered no other can come: they are written at once. (The last few wait.)"""
    monkeypatch.setattr(intake, "GATHER_REPORTS_S", 1.0)
    here = Intake(engine, spool, settings.config.outbox, lambda: None)
    begun = time.monotonic()

    def connection(_: int) -> None:
        for _ in range(12):
            report(here, Report(uuid.uuid4(), "delivered", "SM1", 0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(connection, range(8)))
    assert time.monotonic() - begun < 8
    assert spool.empty()


@pytest.mark.parametrize("fault", ["hangs", "fails"])
def test_a_disk_that_cannot_tell_what_waits_keeps_nobody_from_the_database(
    engine: Engine, here: Intake, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    go = threading.Event()

    def count(_most: int) -> int:
        if fault == "fails":
            raise OSError(24, "too many open files")
        go.wait(20)
        return 0

    monkeypatch.setattr(here.spool, "count", count)
    try:
        began = time.monotonic()
        assert take(here, sms(1)) == "new"
        assert time.monotonic() - began < 2
    finally:
        go.set()
    assert len(stored(engine)) == 1
