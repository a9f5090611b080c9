"""Live pages: told of every change and only of changes, ended with the session, few enough for the server."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from bot.models import UnreadMessage
from dashboard import live
from dashboard.accounts import sessions as places
from dashboard.models import StaffSession
from dashboard.queue_board import Board
from dashboard.queue_filters import Filters
from dashboard.queue_rows import Counts, Found
from messaging.models import InboundMessage
from oncall import handling
from oncall.models import Case, Staff
from tests.dashboard.conftest import SignedIn
from tests.dashboard.queue_world import change, opened, owned

RETRY, CHANGED, OUT = b"retry:", b"event: queue", b"event: signed-out"


@pytest.fixture
def hub(sessions: sessionmaker[Session]) -> Iterator[live.Hub]:
    made = live.Hub(sessions, every_s=0.02, most=3)
    yield made
    made.stop()


@pytest.fixture
def place(sessions: sessionmaker[Session], people: dict[str, uuid.UUID]) -> uuid.UUID:
    """Where the officer is signed in."""
    with transaction(sessions) as session:
        places.begin(session, people["officer"], "totp", "", datetime.now(UTC))
        return session.scalars(select(StaffSession.id)).one()


def listening(hub: live.Hub, place: uuid.UUID) -> live.Stream:
    """A stream that has been told how things stand at its begin."""
    stream = hub.subscribe(place)
    assert stream is not None
    assert next(stream).startswith(RETRY)
    return stream


def until(holds: Callable[[], bool]) -> None:
    """Wait for another thread."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def close(sessions: sessionmaker[Session], case: Case) -> None:
    with transaction(sessions) as session:
        handling.end(session, session.get_one(Case, case.id), datetime.now(UTC), outcome="resolved")


def unread(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        message = session.scalars(select(InboundMessage).limit(1)).one()
        session.add(UnreadMessage(inbound_id=message.id, conversation_id=message.conversation_id, reason="x"))


def test_every_change_is_told_and_nothing_else(
    hub: live.Hub, place: uuid.UUID, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    one, two = opened(sessions), owned(sessions, people["officer"])

    def swap() -> None:
        close(sessions, two)
        opened(sessions)

    changes: dict[str, Callable[[], object]] = {
        "opened": lambda: opened(sessions),
        "worse": lambda: change(sessions, one, severity="critical"),
        "taken": lambda: change(sessions, one, owner_id=people["officer"]),
        "a clock": lambda: change(sessions, one, page_due_at=datetime.now(UTC)),
        "one closed and one opened": swap,
        "unread": lambda: unread(sessions),
        "closed": lambda: close(sessions, one),
    }
    before = hub._look(None)
    for name, make in changes.items():
        assert hub._look(before) == before, f"before {name}"
        make()
        after = hub._look(before)
        assert after != before, name
        before = after
    assert hub.number == 1 + len(changes)


def test_each_open_page_is_told(hub: live.Hub, place: uuid.UUID, sessions: sessionmaker[Session]) -> None:
    first = listening(hub, place)
    assert next(first) == CHANGED + b"\nid: 1\ndata: 25\n\n", (
        "the first look is told: something may have happened before it"
    )
    streams = [first, listening(hub, place), listening(hub, place)]
    opened(sessions)
    assert [next(stream) for stream in streams] == [CHANGED + b"\nid: 2\ndata: 75\n\n"] * 3


def test_when_nothing_happens_the_line_is_kept_open(
    hub: live.Hub, place: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = listening(hub, place)
    next(stream)
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.01)
    assert next(stream).startswith(b":")


@pytest.mark.parametrize("how", ["ended", "idle", "12 hours", "account ended", "no officer any more"])
def test_it_ends_with_the_session(
    hub: live.Hub, place: uuid.UUID, people: dict[str, uuid.UUID], sessions: sessionmaker[Session], how: str
) -> None:
    now, stream = datetime.now(UTC), listening(hub, place)
    assert next(stream).startswith(CHANGED)
    with transaction(sessions) as session:
        who = session.get_one(Staff, people["officer"])
        if how == "ended":
            places.end(session, place, "elsewhere", now)
        elif how == "account ended":
            who.disabled_at = now
        elif how == "no officer any more":
            who.roles = ["analyst"]
        else:
            column = "seen_at" if how == "idle" else "created_at"
            session.execute(update(StaffSession).values({column: now - timedelta(hours=12)}))
    assert next(stream).startswith(OUT)
    assert list(stream) == []


def test_there_are_only_so_many_and_a_closed_page_makes_room(app: Flask, signed_in: SignedIn) -> None:
    app.extensions["live"].most = 2
    browser = signed_in("officer").client
    first, second, third = (browser.get("/live", buffered=False) for _ in range(3))
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 503]
    assert third.headers["Retry-After"]
    assert (first.mimetype, first.headers["X-Accel-Buffering"]) == ("text/event-stream", "no")
    first.close()
    fourth = browser.get("/live", buffered=False)
    assert fourth.status_code == 200
    head = browser.head("/live")
    assert head.status_code == 503, "the two are still there"
    second.close()
    fourth.close()
    assert browser.head("/live", buffered=True).status_code == 200
    assert app.extensions["live"].streams == {}, "asking for the head alone leaves nothing open"


def test_a_telephone_that_keeps_losing_its_line_takes_no_place_from_others(
    hub: live.Hub, place: uuid.UUID, sessions: sessionmaker[Session], people: dict[str, uuid.UUID]
) -> None:
    hub.most = live.FOR_ONE + 1
    lost = [listening(hub, place) for _ in range(3 * live.FOR_ONE)]
    with transaction(sessions) as session:
        places.begin(session, people["supervisor"], "totp", "", datetime.now(UTC))
        other = session.scalars(select(StaffSession.id).where(StaffSession.id != place)).one()
    stream = listening(hub, other)
    opened(sessions)  # it may have come after the first look: then it is told of what is new since
    assert next(stream).startswith(CHANGED)
    assert [list(stream) for stream in lost[: -live.FOR_ONE]] == [[]] * 2 * live.FOR_ONE, "the oldest are ended"
    assert len(hub.streams) == live.FOR_ONE + 1


def test_who_is_signed_out_is_told_so(app: Flask, client: object) -> None:
    answer = app.test_client().get("/live", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401


def test_who_listens_holds_no_connection(hub: live.Hub, place: uuid.UUID, engine: Engine) -> None:
    hub.every_s = 3600
    streams = [listening(hub, place) for _ in range(3)]
    assert next(streams[0]).startswith(CHANGED)
    until(lambda: engine.pool.checkedout() == 0)  # type: ignore[attr-defined]
    assert len(hub.streams) == 3


def test_nobody_looks_when_nobody_listens(hub: live.Hub, place: uuid.UUID) -> None:
    def watchers() -> int:
        return sum(thread.name == "queue watch" for thread in threading.enumerate())

    streams = [listening(hub, place) for _ in range(3)]
    assert watchers() == 1
    for stream in streams:
        stream.close()
    until(lambda: watchers() == 0)
    again = listening(hub, place)
    assert next(again).startswith(CHANGED)


def test_the_end_of_the_server_ends_the_streams(hub: live.Hub, place: uuid.UUID) -> None:
    stream = listening(hub, place)
    next(stream)
    hub.stop()
    assert list(stream) == []


def test_fifty_pages_that_are_told_of_a_change_look_once(
    hub: live.Hub, place: uuid.UUID, sessions: sessionmaker[Session]
) -> None:
    looked: list[int] = []

    def look() -> Board:
        looked.append(hub.number)
        return Board(Found((), Counts(0, 0, 0, 0, 0, 0, 0, 0)), (), Filters(), True, datetime.now(UTC))

    def all_look() -> None:
        threads = [threading.Thread(target=hub.remembered, args=("all", look)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    stream = listening(hub, place)
    next(stream)
    all_look()
    assert len(looked) == 1
    opened(sessions)
    next(stream)
    all_look()
    assert len(looked) == 2
    stream.close()
    until(lambda: not hub._watching)
    all_look()
    assert len(looked) == 52, "with nobody to watch for changes nothing is kept"


def test_a_database_that_is_away_ends_nothing(
    hub: live.Hub, place: uuid.UUID, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, tries = listening(hub, place), []
    assert next(stream).startswith(CHANGED)

    def away() -> Session:
        tries.append(1)
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(hub, "sessions", away)
    opened(sessions)
    until(lambda: len(tries) > 2)
    monkeypatch.setattr(hub, "sessions", sessions)
    assert next(stream).startswith(CHANGED)
