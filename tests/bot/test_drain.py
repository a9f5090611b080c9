"""The drain: one effect for each message, in order, whatever fails and whoever else drains."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import Settings
from bot import guard
from bot.drain import Drain
from bot.models import UnreadMessage
from bot.rasa import Away, Parsed
from messaging import inbox, simulator
from messaging.models import Conversation, InboundMessage, OptEvent, OutboundMessage
from messaging.outbox import Lane
from oncall.models import Case, CaseEvent

BROKEN = {"results": 5}  # a state that cannot be read: every turn on it fails


@dataclass
class House:
    """A database with a drain, and what tests ask of it."""

    sessions: sessionmaker[Session]
    drain: Drain

    def texts(self, number: int, *words: str, **message: Any) -> uuid.UUID:
        """Put messages of one person into the inbox."""
        for one in words:
            said = simulator.parse_inbound("sms", f"+1767555{number:04}", one, **message)
            with transaction(self.sessions) as session:
                conversation = inbox.receive(session, said).conversation_id
        return conversation

    def replies(self, state: str = "queued") -> Sequence[tuple[int | None, str]]:
        with self.sessions() as session:
            query = select(OutboundMessage.inbound_id, OutboundMessage.body).where(OutboundMessage.state == state)
            rows = session.execute(query.order_by(OutboundMessage.position)).all()
            return [(row[0], row[1] or "") for row in rows]

    def all(self, table: type[Any]) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(select(table).order_by(table.id)))

    def break_state(self, conversation: uuid.UUID) -> None:
        with transaction(self.sessions) as session:
            session.execute(update(Conversation).where(Conversation.id == conversation).values(state=BROKEN))

    def let_go(self) -> None:
        """As if the wait after a failure, or the hold of a dead drain, were over."""
        with transaction(self.sessions) as session:
            session.execute(update(Conversation).values(claimed_until=None))

    def drain_until_done(self) -> None:
        for _ in range(20):
            self.drain.run(seconds=5)
            self.let_go()


@pytest.fixture
def house(sessions: sessionmaker[Session], settings: Settings) -> House:
    return House(sessions, Drain(sessions, Away(), settings))


def test_messages_of_one_person_are_answered_in_order(house: House) -> None:
    house.texts(100, "I need a doctor in Portsmouth", "1", "thanks")
    assert house.drain.run(seconds=10) == 3
    replies = house.replies()
    assert [id_ for id_, _ in replies] == [1, 2, 3]
    assert replies[0][1].startswith("1 Olivia Douglas")
    assert replies[1][1].startswith("Olivia Douglas")
    assert replies[2][1].startswith("You are welcome")
    assert house.drain.once() is None


def test_a_message_that_keeps_failing_ends_with_a_person_and_a_case_when_it_told_of_harm(house: House) -> None:
    conversation = house.texts(100, "my husband beats me", "I need food")
    house.break_state(conversation)
    assert house.drain.run(seconds=5) == 0
    assert house.replies() == []  # the second waits for the first
    assert [m.attempts for m in house.all(InboundMessage)] == [1, 0]
    house.drain_until_done()
    first, second = house.all(InboundMessage)
    assert (first.outcome, first.attempts, second.outcome) == ("failed", 5, "answered")
    assert [id_ for id_, _ in house.replies()] == [1, 2]
    assert "A person will read your message" in house.replies()[0][1]
    assert "999" in house.replies()[0][1]
    assert house.replies()[1][1].startswith("1 ")
    assert [(u.inbound_id, u.reason) for u in house.all(UnreadMessage)] == [(1, "failed")]
    (case,) = house.all(Case)
    assert (case.conversation_id, case.concerns, case.severity) == (conversation, ["domestic_violence"], "high")


def test_a_failing_message_without_harm_opens_no_case(house: House) -> None:
    house.break_state(house.texts(100, "I need food"))
    house.drain_until_done()
    assert [u.reason for u in house.all(UnreadMessage)] == ["failed"]
    assert house.all(Case) == []


def test_one_persons_failure_stops_nobody_else(house: House) -> None:
    house.break_state(house.texts(100, "I need food"))
    house.texts(101, "I need food")
    house.drain.run(seconds=5)
    assert [id_ for id_, _ in house.replies()] == [2]


class Fragile(Away):
    """A reader of meaning with a fault of its own."""

    def parse(self, text: str, language: str | None) -> Parsed | None:
        if "poison" in text:
            raise ZeroDivisionError
        return None


def test_a_text_that_breaks_a_reader_stops_nobody_else(house: House, settings: Settings) -> None:
    house.drain = Drain(house.sessions, Fragile(), settings)
    house.texts(100, "poison", "I need food")
    house.texts(101, "I need food")
    house.drain.run(seconds=5)
    assert [id_ for id_, _ in house.replies()] == [3]
    house.drain_until_done()
    assert sorted(id_ or 0 for id_, _ in house.replies()) == [1, 2, 3]
    assert [u.inbound_id for u in house.all(UnreadMessage)] == [1]


def test_two_drains_at_once_never_answer_twice(house: House, settings: Settings) -> None:
    """Also when holds run out early, so that both work on the same persons."""
    for number in range(12):
        house.texts(100 + number, "I need a doctor", "my husband beats me", "1", "thanks")
    stop = threading.Event()

    def drop_holds() -> None:
        while not stop.wait(0.005):
            with transaction(house.sessions) as session:
                session.execute(text("SELECT set_config('lock_timeout', '50ms', true)"))
                free = select(Conversation.id).with_for_update(skip_locked=True)
                session.execute(update(Conversation).where(Conversation.id.in_(free)).values(claimed_until=None))

    def work() -> None:
        drain = Drain(house.sessions, Away(), settings, batch=5)
        while drain.run(seconds=20):
            pass

    others = [threading.Thread(target=work) for _ in range(3)]
    dropper = threading.Thread(target=drop_holds)
    dropper.start()
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(60)
    stop.set()
    dropper.join(10)
    house.drain_until_done()
    with house.sessions() as session:
        waiting = session.scalar(select(func.count()).where(InboundMessage.handled_at.is_(None)))
        events = session.scalar(select(func.count()).select_from(CaseEvent).where(CaseEvent.kind == "disclosed"))
    answered = [id_ for id_, _ in house.replies()]
    assert waiting == 0
    safe = range(3, 49, 4)  # "1": what happens next, and the next question
    assert sorted(id_ or 0 for id_ in answered) == sorted([*range(1, 49), *safe])
    assert len(house.all(Case)) == events == 12
    assert all(m.attempts == 0 for m in house.all(InboundMessage))


def test_who_opted_out_gets_protection_and_nothing_else(house: House) -> None:
    house.texts(
        100, "I need a doctor in Portsmouth", "RETE", "I need food", "hello", "my husband beats me", "food", "2"
    )
    house.drain.run(seconds=10)
    sent, held = house.replies(), house.replies("held")
    assert [id_ for id_, _ in held] == [3, 4]
    assert {id_ for id_, _ in sent} == {1, 2, 5, 6, 7}
    assert all("999" in words for id_, words in sent if id_ == 5)
    assert "999" in next(words for id_, words in sent if id_ == 7)
    house.texts(100, "thanks", "KOMANSE", "thanks")
    house.drain.run(seconds=10)
    assert house.replies("held") == []
    assert [e.action for e in house.all(OptEvent)] == ["out", "in"]
    assert {id_ for id_, _ in house.replies()} == set(range(1, 11))


def test_a_disclosure_opens_one_case_that_further_messages_belong_to(house: House) -> None:
    house.texts(100, "my husband beats me", "thanks", "2", "he beats my little daughter", "hello")
    house.drain.run(seconds=10)
    (case,) = house.all(Case)
    assert (case.concerns, case.severity) == (["domestic_violence", "child_abuse"], "critical")
    events = [(e.kind, e.inbound_id) for e in house.all(CaseEvent)]
    assert events == [("disclosed", 1), ("message", 2), ("raised", 3), ("disclosed", 4), ("message", 5)]


def test_forget_me_erases_what_belongs_to_no_case(house: House) -> None:
    conversation = house.texts(100, "I need food in Roseau")
    house.drain.run(seconds=10)
    with transaction(house.sessions) as session:
        session.execute(update(OutboundMessage).values(state="accepted"))
    house.texts(100, "my husband beats me", "1", "FORGET", "1")
    house.drain.run(seconds=10)
    bodies = [m.body for m in house.all(InboundMessage)]
    assert bodies[0] is None
    assert bodies[1] == "my husband beats me"
    with house.sessions() as session:
        first = session.scalar(select(OutboundMessage.body).where(OutboundMessage.inbound_id == 1))
        state = session.get_one(Conversation, conversation).state
    assert first is None
    assert set(state or {}) <= {"language", "known", "at"}
    assert house.replies()[-1][1].startswith("Your messages are erased, except what an officer must keep")


def test_forget_me_without_a_case_erases_everything(house: House) -> None:
    house.texts(100, "I need food in Roseau", "FORGET", "1")
    house.drain.run(seconds=10)
    assert [m.body for m in house.all(InboundMessage)] == [None, None, None]
    assert house.replies()[-1][1].startswith("Your messages are erased here.")


def test_a_location_without_coordinates_goes_to_a_person(house: House) -> None:
    """No carrier sends one; should it happen, it ends like every other poison."""
    house.texts(100, "", kind="location")
    house.drain_until_done()
    assert [u.reason for u in house.all(UnreadMessage)] == ["failed"]


def test_who_writes_very_much_holds_up_nobody(house: House) -> None:
    """Of a thousand messages a handful are answered before everybody else's."""
    house.drain.batch = 4
    with transaction(house.sessions) as session:
        flood = [simulator.parse_inbound("sms", "+17675550100", f"hello {n}") for n in range(300)]
        inbox.receive_many(session, [inbox.Arrival(one) for one in flood])
    for number in range(101, 105):
        house.texts(number, "I need food")
    for _ in range(2):
        house.drain.once()
    answered = {id_ for id_, _ in house.replies()}
    assert answered >= {301, 302, 303, 304}
    assert len(answered) <= 4 + 2 * inbox.TURNS


def test_many_are_answered_in_one_transaction(house: House, engine: Engine) -> None:
    for number in range(100, 110):
        house.texts(number, "I need food")
    commits: list[object] = []
    note = commits.append
    event.listen(engine, "commit", note)
    try:
        assert house.drain.once() == 10
    finally:
        event.remove(engine, "commit", note)
    assert len(commits) == 2  # the claim and the turns
    assert len(house.replies()) == 10


def test_a_machine_that_answers_us_gets_no_answer_for_ever(house: House) -> None:
    house.texts(100, *["I am driving now, I will answer later"] * 30)
    house.drain_until_done()
    assert all(m.handled_at for m in house.all(InboundMessage))
    assert len({id_ for id_, _ in house.replies()}) < guard.SAME
    assert "loop" in {u.reason for u in house.all(UnreadMessage)}


def test_a_flood_is_read_to_its_last_message_and_its_disclosure_is_heard(house: House) -> None:
    house.texts(100, *(f"hello {n}" for n in range(guard.MANY + 5)), "my husband beats me", "hello")
    for _ in range(15):
        house.drain_until_done()
    assert all(m.handled_at for m in house.all(InboundMessage))
    (case,) = house.all(Case)
    assert case.concerns == ["domestic_violence"]
    answered = {id_ for id_, _ in house.replies()}
    told = guard.MANY + 6
    assert told in answered  # protection goes on
    assert not answered & set(range(guard.MANY, told))


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def pace_of(marks: Sequence[str], apart: timedelta) -> guard.Pace:
    """After messages of these marks, so far apart."""
    pace: guard.Pace | None = None
    for n, mark in enumerate(marks):
        pace = guard.step(pace, mark, NOON + n * apart)
    assert pace
    return pace


def test_who_writes_something_else_or_hours_later_is_not_meant() -> None:
    assert guard.verdict(pace_of("abcdefgh" * 6, timedelta(minutes=1))) == ""
    assert guard.verdict(pace_of("a" * 50, timedelta(minutes=11))) == ""


def test_a_machine_that_says_the_same_each_minute_is_a_loop_however_long() -> None:
    for count in range(guard.SAME, 60):
        assert guard.verdict(pace_of("a" * count, timedelta(minutes=1))) == "loop"


def test_two_machines_in_talk_are_not_answered_anew_in_each_window() -> None:
    """A bot that says something else each time, every five seconds, for an hour: told once, answered 39 times."""
    pace: guard.Pace | None = None
    answered = told = 0
    for n in range(720):
        pace = guard.step(pace, f"{n % 7}", NOON + n * timedelta(seconds=5))
        answered += not guard.muted(pace, Lane.REPLY)
        told += bool(guard.verdict(pace)) and guard.first_time(pace)
    assert (answered, told) == (guard.MANY - 1, 1)
    assert pace
    assert guard.verdict(guard.step(pace, "a person", NOON + timedelta(hours=2))) == ""


def test_a_pace_written_by_an_earlier_version_goes_on() -> None:
    old = {"since": NOON.isoformat(), "count": 3, "same": 2, "mark": "a"}
    assert guard.step(old, "a", NOON + timedelta(minutes=1))["same"] == 3
