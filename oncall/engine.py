"""The escalation engine: does what is due, each case in one transaction with its pages and its log.

Any number of engines may run: a case is locked while it is worked on and skipped by the others, and after the step
its clock lies in the future. An engine that dies in the middle leaves the case as it was. Time is given as `now`.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Select, select, text
from sqlalchemy import case as sql_case
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import database_now, transaction
from oncall import alarms, clocks, handling, pages, rota
from oncall.cases import event
from oncall.clocks import SUPERVISORS, Clock, Policy, Rules
from oncall.models import Case, Staff
from oncall.policy import freeze, rules_of
from oncall.staff import active, reachable

Now = Callable[[Session], datetime]
# Written out: engines ask it four times a second, mostly for nothing.
_FIRST_DUE = text('SELECT min(due_at) FROM "case" WHERE closed_at IS NULL')
MOST_STEPS = 20  # of one case at one moment; each step moves a clock on, so a few are enough
logger = log.get(__name__)


class Crew:
    """Who can be paged at each level, looked up once for a round over many cases."""

    def __init__(self) -> None:
        self.levels: dict[int, list[Staff]] = {}
        self.told: set[int] = set()  # levels whose emptiness has been told in this round

    def of(self, session: Session, level: int, now: datetime) -> list[Staff]:
        if level not in self.levels:
            self.levels[level] = [one for one in rota.on_duty(session, now, level) if reachable(one)]
        return self.levels[level]


def tick(sessions: sessionmaker[Session], policy: Policy, *, now: Now = database_now, limit: int = 500) -> int:
    """Do everything that is due, the worst case first, each in its own transaction. Returns how many cases moved.
    A case that fails harms no other: it is logged and left for the next tick."""
    if not _due(sessions, now):
        return 0
    done: set[uuid.UUID] = set()
    crew = Crew()
    while len(done) < limit:
        case_id = _one(sessions, policy, now, done, crew)
        if case_id is None:
            break
        done.add(case_id)
    return len(done)


def _due(sessions: sessionmaker[Session], now: Now) -> bool:
    """Whether there is anything to do. It locks nothing, and is asked once for a round."""
    with transaction(sessions) as session:
        first: datetime | None = session.scalar(_FIRST_DUE)
        return first is not None and first <= now(session)


def _one(
    sessions: sessionmaker[Session], policy: Policy, now: Now, done: set[uuid.UUID], crew: Crew
) -> uuid.UUID | None:
    case_id = None
    try:
        with transaction(sessions) as session:
            at = now(session)
            case = session.scalar(_next(at, done))
            if case is None:
                return None
            case_id = case.id
            advance(session, case, policy, at, crew)
    except Exception as error:
        if case_id is None:
            raise
        logger.error("case not moved", case_id=str(case_id), exc_info=error)
    return case_id


def _next(at: datetime, done: set[uuid.UUID]) -> "Select[Case]":
    worst = sql_case({"critical": 0, "high": 1}, value=Case.severity, else_=2)
    return (
        select(Case)
        .where(Case.closed_at.is_(None), Case.due_at <= at, Case.id.not_in(done))
        .order_by(worst, Case.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def advance(session: Session, case: Case, policy: Policy, now: datetime, crew: Crew | None = None) -> None:
    """Do what is due in a locked case at `now`, the longest overdue first."""
    rules, crew = rules_of(case) or freeze(case, policy), crew or Crew()
    for _ in range(MOST_STEPS):
        clock = clocks.first_due(_running(case), now)
        if clock is None:
            session.flush()
            return
        _STEPS[clock](session, case, rules, now, crew)
    raise RuntimeError("the clocks of a case do not move on")


def _running(case: Case) -> dict[Clock, datetime | None]:
    return {
        "page": case.page_due_at, "reply": case.reply_due_at, "contact": case.contact_due_at,
        "close": case.close_due_at, "news": case.news_at,
    }  # fmt: skip


def _page(session: Session, case: Case, rules: Rules, now: datetime, crew: Crew) -> None:
    """Page the next level that has somebody; an empty one is passed at once, with an alarm."""
    level, empty = clocks.climb(case.next_level, lambda one: bool(crew.of(session, one, now)))
    for one in empty:
        new = one not in crew.told and alarms.raise_alarm(
            session, "nobody", now, subject=f"level {one}", case_id=case.id
        )
        crew.told.add(one)
        if new or level:  # not again each minute while there is nobody at all
            event(session, case, "nobody", now, level=one)
    if level is None:
        case.page_due_at = now + clocks.policy_from(case.policy or {}).nobody_again
        return
    case.state, case.level, case.paged_at = "paged", level, now
    case.round += 1
    case.next_level, case.page_due_at = clocks.after(level), rules.next_page(level, now)
    written = pages.write(session, crew.of(session, level, now), "case", now, case=case, call=rules.rule.call)
    event(session, case, "paged", now, level=level, detail={"pages": len(written)})
    logger.info("paged", case_id=str(case.id), level_no=level, count=len(written), drill=case.drill)


def _reply(session: Session, case: Case, _: Rules, now: datetime, __: Crew) -> None:
    """Taken, and not answered in time: it is paged again, and whoever had it is told."""
    session.flush()
    handling.reopen(session, case.id, now)


def _contact(session: Session, case: Case, rules: Rules, now: datetime, crew: Crew) -> None:
    """No contact in time: whoever has it is told, from the second time on the supervisors too."""
    case.late += 1
    _tell_late(session, case, "contact", now, crew.of(session, SUPERVISORS, now) if case.late > 1 else [])
    case.contact_due_at = rules.contact_again(now)


def _close(session: Session, case: Case, rules: Rules, now: datetime, crew: Crew) -> None:
    """Open for too long: whoever has it and the supervisors are told."""
    _tell_late(session, case, "close", now, crew.of(session, SUPERVISORS, now))
    case.close_due_at = rules.close_again(now)


def _tell_late(session: Session, case: Case, clock: Clock, now: datetime, supervisors: Sequence[Staff]) -> None:
    people = {one.id: one for one in supervisors}
    owner = session.get(Staff, case.owner_id) if case.owner_id else None
    if owner:
        people[owner.id] = owner
    pages.write(session, people.values(), "late", now, case=case)
    event(session, case, "late", now, detail={"clock": clock})


def _news(session: Session, case: Case, _: Rules, now: datetime, __: Crew) -> None:
    """The person wrote again: whoever has the case is told; the supervisors, when that person cannot be."""
    owner = session.get(Staff, case.owner_id) if case.owner_id else None
    if not (owner and pages.write(session, [owner], "news", now, case=case)):
        pages.write(session, active(session, "supervisor"), "news", now, case=case)
    case.news, case.news_at, case.told_at = None, None, now


_STEPS: dict[Clock, Callable[[Session, Case, Rules, datetime, Crew], None]] = {
    "page": _page, "reply": _reply, "contact": _contact, "close": _close, "news": _news,
}  # fmt: skip
