"""Any interleaving of messages, answers, engines and crashes: no case is lost, none stands without a clock, and no page
leaves for a case after it was taken. Hypothesis looks for one that does."""

import threading
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.errors import OutcomeUnknown, SendError
from base.settings import OnCall, Settings
from messaging.inbox import open_conversation
from oncall import engine, handling, pages
from oncall.cases import Disclosure
from oncall.models import Case, CaseEvent, Page
from tests import databases
from tests.conftest import DIRECTORY
from tests.oncall.conftest import MONDAY, World

PEOPLE = ["Ada", "Bea", "Cyr", "Dan"]
TEXTERS = ["+17675550150", "+17675550151", "+17675550152"]
SEVERITIES = ["critical", "high", "standard"]
TAKES = {"acknowledged", "passed", "reopened", "engaged", "closed"}


class Crash(Exception):
    """The process dies here."""


class Interleavings(RuleBasedStateMachine):
    database: Engine
    sessions: sessionmaker[Session]
    config: OnCall

    @initialize()
    def begin(self) -> None:
        databases.empty(self.database, DIRECTORY)
        self.world = World(self.sessions, self.config, MONDAY)
        self.world.crew()
        self.told: set[str] = set()
        self.closed = 0

    # -- what happens

    @rule(texter=st.sampled_from(TEXTERS), severity=st.sampled_from(SEVERITIES))
    def somebody_tells(self, texter: str, severity: str) -> None:
        self.world.write(Disclosure("domestic_violence", severity), phone=texter)
        self.told.add(texter)

    @rule(texter=st.sampled_from(TEXTERS))
    def somebody_writes_more(self, texter: str) -> None:
        if any(case for case in self._open() if case.conversation_id == self._conversation(texter)):
            self.world.write(None, phone=texter)

    @rule(seconds=st.sampled_from([1, 30, 299, 300, 301, 900, 4000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.at += timedelta(seconds=seconds)

    @rule(who=st.sampled_from(PEOPLE), data=st.data())
    def somebody_takes(self, who: str, data: st.DataObject) -> None:
        self._act(who, data, "acknowledge")

    @rule(who=st.sampled_from(PEOPLE), data=st.data())
    def somebody_passes(self, who: str, data: st.DataObject) -> None:
        case, before = self._pick(data), data.draw(st.sampled_from([None, 0, 1]))
        if case:
            self.world.do("pass_on", who, case.id, round=None if before is None else case.round - before)

    @rule(who=st.sampled_from(PEOPLE), data=st.data())
    def somebody_answers(self, who: str, data: st.DataObject) -> None:
        self._act(who, data, "contacted")

    @rule(who=st.sampled_from(PEOPLE), data=st.data(), approve=st.booleans())
    def somebody_closes(self, who: str, data: st.DataObject, approve: bool) -> None:
        if case := self._pick(data):
            with transaction(self.sessions) as session:
                self.world.at += timedelta(seconds=1)
                one = handling.close(session, case.id, self.world.people[who], "resolved", self.world.at)
                if approve and one.kind == "closing":
                    one = handling.approve_close(session, case.id, self.world.people["Cyr"], self.world.at)

    @rule(data=st.data())
    def two_are_one(self, data: st.DataObject) -> None:
        one, other = self._pick(data), self._pick(data)
        if one and other and one.id != other.id:
            with transaction(self.sessions) as session:
                handling.merge(session, one.id, other.id, self.world.people["Ada"], self.world.at)

    # -- engines, pages, crashes

    @rule()
    def an_engine_looks(self) -> None:
        engine.tick(self.sessions, self.world.policy, now=self.world.now)

    @rule()
    def two_engines_look_at_once(self) -> None:
        both = [threading.Thread(target=self.an_engine_looks) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(20)

    @rule()
    def an_engine_dies_in_the_middle(self) -> None:
        try:
            with transaction(self.sessions) as session:
                query = select(Case).where(Case.closed_at.is_(None), Case.due_at <= self.world.at).limit(1)
                case = session.scalar(query.with_for_update(skip_locked=True))
                if case:
                    engine.advance(session, case, self.world.policy, self.world.at)
                raise Crash
        except Crash:
            pass

    @rule(
        outcome=st.sampled_from(
            [
                None,
                None,
                SendError("no", code=20500, status=503),
                OutcomeUnknown("?"),
                SendError("never", code=21211, status=400),
            ]
        )
    )
    def pages_are_sent(self, outcome: SendError | None) -> None:
        self.world.at += timedelta(seconds=1)
        self.world.carrier.refuses = outcome
        self.world.paged.send_due()
        self.world.carrier.refuses = None

    @rule(after_sending=st.booleans())
    def a_sender_dies(self, after_sending: bool) -> None:
        """Between claim and send, or between send and record."""
        self.world.at += timedelta(seconds=1)
        with transaction(self.sessions) as session:
            claimed = pages.claim(session, self.world.at, hold=self.config.claim)
        if after_sending:
            for page in claimed:
                self.world.carrier.send(page)

    # -- what must always be so

    @invariant()
    def every_open_case_has_a_clock(self) -> None:
        if hasattr(self, "world"):
            assert all(case.due_at is not None for case in self._open() if case.state != "merged")

    @invariant()
    def nobody_is_paged_for_a_case_that_is_taken(self) -> None:
        if not hasattr(self, "world"):
            return
        with self.sessions() as session:
            waiting = session.scalar(
                select(func.count())
                .select_from(Page)
                .join(Case, Case.id == Page.case_id)
                .where(Page.kind == "case", Page.state == "queued", Case.owner_id.is_not(None))
                .where(Page.claimed_at.is_(None))
            )
            assert waiting == 0
            late = session.scalar(
                select(func.count())
                .select_from(Page)
                .join(Case, Case.id == Page.case_id)
                .where(Page.kind == "case", Case.owner_id.is_not(None), Page.claimed_at > Case.acknowledged_at)
            )
            assert late == 0

    @invariant()
    def nobody_who_told_is_lost(self) -> None:
        if not hasattr(self, "world"):
            return
        with self.sessions() as session:
            for texter in self.told:
                found = session.scalars(
                    select(Case).where(Case.conversation_id == self._conversation(texter)).order_by(Case.opened_at)
                ).all()
                assert found
                for case in found:
                    if case.closed_at is not None:
                        main = session.get_one(Case, case.merged_into) if case.merged_into else case
                        assert _happened(session, main, "closed")

    def teardown(self) -> None:
        """Whatever has happened: once things work again, somebody is paged for every case that is nobody's."""
        if not hasattr(self, "world"):
            return
        free = {case.id for case in self._open() if case.owner_id is None and case.state != "merged"}
        end = self.world.at + timedelta(days=6)  # an Easter weekend at most, for the least severe
        while (left := free - self._paged()) and self.world.at < end:
            self.world.turn()
            self.world.at = max(self.world.next_due() or end, self.world.at + timedelta(seconds=1))
        assert not left

    def _paged(self) -> set[UUID | None]:
        with self.sessions() as session:
            return set(session.scalars(select(Page.case_id).where(Page.state == "sent", Page.kind == "case")))

    def _act(self, who: str, data: st.DataObject, what: str) -> None:
        if case := self._pick(data):
            self.world.at += timedelta(seconds=1)
            self.world.do(what, who, case.id)

    def _pick(self, data: st.DataObject) -> Case | None:
        """One of the open cases. What is drawn does not hang on how many there are, which two engines at once may
        change: Hypothesis repeats what it drew."""
        number = data.draw(st.integers(0, 11))
        found = sorted((case for case in self._open() if case.state != "merged"), key=lambda case: case.opened_at)
        return found[number % len(found)] if found else None

    def _open(self) -> list[Case]:
        with self.sessions() as session:
            return list(session.scalars(select(Case).where(Case.closed_at.is_(None))))

    def _conversation(self, texter: str) -> UUID:
        with transaction(self.sessions) as session:
            return open_conversation(session, "sms", texter)


def _happened(session: Session, case: Case, kind: str) -> bool:
    return session.scalar(select(CaseEvent.id).where(CaseEvent.case_id == case.id, CaseEvent.kind == kind)) is not None


def test_any_interleaving(own_engine: Engine, sessions: sessionmaker[Session], settings_: Settings) -> None:
    given = {"database": own_engine, "sessions": sessions, "config": settings_.config.oncall}
    machine = type("Machine", (Interleavings,), given)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
