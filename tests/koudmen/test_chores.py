"""What the sweeper does beside: purge, synthetic message, and a chore that fails stops no other."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from base.db import database_now, transaction
from base.errors import SendError
from base.settings import LOOK_BACK_MOST, Retention, Settings
from bot import learning
from bot.drain import Drain
from bot.learning_models import LearningExample
from bot.models import Demand, UnreadMessage
from bot.rasa import Away
from koudmen import chores, synthetic
from koudmen.chores import Chore
from koudmen.purge import SEEN_DAYS, purge
from koudmen.runtime import Runtime
from messaging import inbox, simulator
from messaging.models import Conversation, InboundMessage, OutboundMessage
from oncall import checklist, looking, staff
from oncall.models import Case, CaseEvent, CaseViewer, ChecklistStep

RULES = Retention(ordinary=timedelta(days=30), case=timedelta(days=1825), log=timedelta(days=365))


@pytest.fixture
def runtime(settings: Settings, engine: Engine, sessions: sessionmaker[Session]) -> Runtime:
    return Runtime(settings, engine, sessions)


def said(runtime: Runtime, number: int, *texts: str) -> None:
    """Somebody writes and is answered, and the answers leave."""
    with transaction(runtime.sessions) as session:
        for one in texts:
            inbox.receive(session, simulator.parse_inbound("sms", f"+176755501{number:02}", one))
    Drain(runtime.sessions, Away(), runtime.settings).run(seconds=10)
    while runtime.sender.send_due():
        pass


def age(runtime: Runtime, days: int) -> None:
    """So many days pass."""
    with transaction(runtime.sessions) as session:
        for table, column in (
            ("inbound_message", "received_at"), ("outbound_message", "created_at"), ("conversation", "last_inbound_at"),
            ('"case"', "closed_at"), ("demand", "day"),
        ):  # fmt: skip
            session.execute(text(f"UPDATE {table} SET {column} = {column} - make_interval(days => {days})"))


def words(runtime: Runtime) -> list[str]:
    """All words that are left."""
    with runtime.sessions() as session:
        bodies = [*session.scalars(select(InboundMessage.body)), *session.scalars(select(OutboundMessage.body))]
        return [body for body in bodies if body]


def count(runtime: Runtime, table: type[object]) -> int:
    with runtime.sessions() as session:
        return len(session.scalars(select(table)).all())


def test_ordinary_words_go_after_thirty_days_and_rows_after_a_year(runtime: Runtime) -> None:
    said(runtime, 1, "I need food in Roseau", "thanks")
    age(runtime, 29)
    purge(runtime.sessions, RULES)
    assert len(words(runtime)) == 4
    age(runtime, 2)
    purge(runtime.sessions, RULES)
    assert words(runtime) == []
    assert (count(runtime, InboundMessage), count(runtime, Demand)) == (2, 1)
    with runtime.sessions() as session:
        assert session.scalars(select(Conversation)).one().state is None
    age(runtime, 335)
    purge(runtime.sessions, RULES)
    assert [count(runtime, table) for table in (InboundMessage, OutboundMessage, Demand)] == [0, 0, 0]


def test_a_case_keeps_the_words_while_it_is_open_and_five_years_after(runtime: Runtime) -> None:
    said(runtime, 1, "my husband beats me")
    age(runtime, 4000)
    purge(runtime.sessions, RULES)
    assert "my husband beats me" in words(runtime)
    with transaction(runtime.sessions) as session:
        session.execute(text('UPDATE "case" SET closed_at = now()'))
    age(runtime, 1824)
    purge(runtime.sessions, RULES)
    assert "my husband beats me" in words(runtime)
    age(runtime, 2)
    purge(runtime.sessions, RULES)
    assert words(runtime) == []
    assert count(runtime, Case) == count(runtime, InboundMessage) == 1


def test_notes_of_a_case_go_with_its_words_and_refused_examples_after_thirty_days(runtime: Runtime) -> None:
    said(runtime, 1, "my husband beats me")
    with transaction(runtime.sessions) as session:
        now = database_now(session)
        who = staff.add(session, "Ada", ["officer"], now, phone="+17675550199", verified=True)
        case = session.scalars(select(Case)).one()
        step = checklist.steps(session, case.id)[0]
        checklist.answer(session, step.id, who.id, "not_needed", now, note="spoke with the aunt")
        for proposed in ("one", "two"):
            example = learning.propose(session, "a", words=proposed, label="greet", language="en", at=now)
            if proposed == "two":
                learning.reject(session, example.id, "b", at=now - timedelta(days=31))
    assert purge(runtime.sessions, RULES)["refused examples"] == 1
    assert count(runtime, LearningExample) == 1
    assert notes(runtime) == ["spoke with the aunt"]
    with transaction(runtime.sessions) as session:
        session.execute(text('UPDATE "case" SET closed_at = now()'))
    age(runtime, 1826)
    purge(runtime.sessions, RULES)
    assert notes(runtime) == []


def notes(runtime: Runtime) -> list[str]:
    with runtime.sessions() as session:
        return [note for note in session.scalars(select(ChecklistStep.note)) if note]


def test_what_was_not_answered_yet_is_kept(runtime: Runtime) -> None:
    with transaction(runtime.sessions) as session:
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "hello"))
    age(runtime, 4000)
    purge(runtime.sessions, RULES)
    assert words(runtime) == ["hello"]


def test_a_purge_may_be_repeated(runtime: Runtime) -> None:
    said(runtime, 1, "hello")
    age(runtime, 31)
    assert purge(runtime.sessions, RULES)["words in"] == 1
    assert set(purge(runtime.sessions, RULES).values()) == {0}


def test_the_synthetic_message_goes_all_the_way_and_leaves_no_trace_in_figures(runtime: Runtime) -> None:
    assert synthetic.watch(runtime) == "ok"
    assert synthetic.watch(runtime) == "ok"  # not yet time for another
    assert count(runtime, InboundMessage) == 1
    with transaction(runtime.sessions) as session:
        session.execute(text("UPDATE inbound_message SET received_at = now() - interval '61 s'"))
    assert synthetic.watch(runtime).startswith("no answer for 61")
    Drain(runtime.sessions, Away(), runtime.settings).run(seconds=5)
    while runtime.sender.send_due():
        pass
    assert synthetic.watch(runtime).startswith("slow: 6")
    assert [count(runtime, table) for table in (Case, Demand, UnreadMessage)] == [0, 0, 0]
    with transaction(runtime.sessions) as session:
        session.execute(text("UPDATE inbound_message SET received_at = now() - interval '2 d'"))
        session.execute(text("UPDATE outbound_message SET created_at = now() - interval '2 d'"))
    purge(runtime.sessions, RULES)
    assert count(runtime, InboundMessage) == 0


@pytest.mark.parametrize("error", [SendError("refused"), ValueError("of nobody's list")])
def test_a_chore_that_fails_stops_no_other_and_is_done_again(error: Exception) -> None:
    done: list[str] = []

    def fail() -> None:
        done.append("fails")
        raise error

    some = [Chore("a", 60, fail), Chore("b", 10, lambda: done.append("works"))]
    for at in (0.0, 5.0, 10.0, 60.0):
        chores.once(some, at + 1)
    assert done == ["fails", "works", "works", "fails", "works"]


def test_what_failed_is_tried_again_in_a_minute() -> None:
    """The tables of a month are looked at once an hour; held by somebody, they do not wait for the next."""
    tries: list[float] = []
    at = 0.0

    def fails_once() -> None:
        tries.append(at)
        if len(tries) == 1:
            raise ValueError

    some = [Chore("months", chores.MONTHS_S, fails_once)]
    for at in (1.0, 30.0, 61.0, 122.0, 61.0 + chores.MONTHS_S):
        chores.once(some, at)
    assert tries == [1.0, 61.0, 61.0 + chores.MONTHS_S]


def test_who_had_a_case_before_them_is_forgotten_with_the_log(runtime: Runtime) -> None:
    """The look itself stays in the case's log."""
    said(runtime, 42, "my husband beats me")
    with transaction(runtime.sessions) as session:
        case, at = session.scalars(select(Case)).one(), database_now(session)
        who = staff.add(session, "Ada", ["officer"], at, phone="+17675550171")
        looking.look(session, case, who, at)
        session.execute(text("UPDATE case_viewer SET seen_at = seen_at - make_interval(days => 400)"))
        looking.look(session, case, staff.add(session, "Bea", ["officer"], at, phone="+17675550172"), at)
    purge(runtime.sessions, RULES)
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(CaseViewer)) == 1
        assert session.scalar(select(func.count()).where(CaseEvent.kind == "viewed")) == 2


def test_a_look_begins_where_the_last_one_ended(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes back the whole way when it is the first, or the last whole one is long ago, or one has failed."""
    back = runtime.settings.config.sweeper.look_back
    looks: list[timedelta] = []

    def notes(_: Runtime, since: datetime, until: datetime) -> int:
        looks.append(until - since)
        return 0

    monkeypatch.setattr(chores, "reconcile_now", notes)
    reconciler = chores.Reconciler(runtime)
    for _ in range(2):
        reconciler.look()
    assert looks[0] == back - chores.UNDER_WAY
    assert chores.OVERLAP <= looks[1] < chores.OVERLAP + timedelta(minutes=1)
    assert reconciler.whole_at
    reconciler.whole_at -= back / 4
    reconciler.look()
    assert looks[2] == looks[0]

    def fails(*_: object) -> int:
        raise SendError("away")

    monkeypatch.setattr(chores, "reconcile_now", fails)
    before = reconciler.until
    with pytest.raises(SendError):
        reconciler.look()
    assert reconciler.until == before


def test_a_repeat_is_known_for_longer_than_the_carrier_s_list_is_looked_at() -> None:
    assert timedelta(days=SEEN_DAYS) > LOOK_BACK_MOST + timedelta(days=1)
