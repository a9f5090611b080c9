"""Open cases and add to them, in the transaction of the message that tells of harm."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.db import database_now
from base.errors import Refused
from oncall.models import Case, CaseEvent
from oncall.policy import rules_of

SEVERITIES = ("standard", "high", "critical")  # rising
CODES_TRIED = 20


@dataclass(frozen=True)
class Disclosure:
    """What a message told of: the concern's code, how bad, and why we think so (codes, no words of the texter)."""

    concern: str
    severity: str
    why: tuple[str, ...] = ()


def worse(one: str, other: str) -> str:
    """The worse of two severities."""
    return max(one, other, key=SEVERITIES.index)


def open_case(session: Session, conversation_id: uuid.UUID, *, lock: bool = False) -> Case | None:
    """The case of a conversation that is not closed. It may be one that was merged into another."""
    query = select(Case).where(Case.conversation_id == conversation_id, Case.closed_at.is_(None))
    return session.scalar(query.with_for_update() if lock else query)


def locked(session: Session, case_id: uuid.UUID) -> Case:
    """A case, locked and read anew; of a merged one, the case it was merged into. Refused when there is none."""
    query = select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    case = session.scalar(query)
    if case is None:
        raise Refused("there is no such case")
    return locked(session, case.merged_into) if case.merged_into else case


def disclose(
    session: Session,
    conversation_id: uuid.UUID,
    inbound_id: int,
    told: Disclosure,
    *,
    language: str | None,
    now: datetime | None = None,
    known: bool = False,
) -> Case:
    """Attach a disclosure to the conversation's open case, or open one. The caller holds the conversation's lock, and
    may know (`known`) that it has no open case.

    Idempotent on the inbound message, which may be read a second time and then tell of something worse. By itself
    severity only rises, and a further, different concern is added.
    `now`: the moment it counts from; the database's when it is not given.
    """
    case = None if known else open_case(session, conversation_id, lock=True)
    opened = case is None
    case = case or _new(session, conversation_id, told, language, now)
    if not _is_news(session, case, inbound_id, told, now) or opened:
        return case
    for one in _with_main(session, case):
        if told.concern not in one.concerns:
            one.concerns = [*one.concerns, told.concern]
        _worse_or_news(session, one, told.severity, now)
    return case


def _is_news(session: Session, case: Case, inbound_id: int, told: Disclosure, now: datetime | None) -> bool:
    """Note what a message tells of. False where that was noted before, at least as severe (an officer may have lowered
    the case since)."""
    if _note(session, case, "disclosed", inbound_id, told, now):
        return True
    mine = (CaseEvent.case_id == case.id, CaseEvent.inbound_id == inbound_id, CaseEvent.kind == "disclosed")
    noted = session.scalars(select(CaseEvent.severity).where(*mine)).one() or told.severity
    return worse(noted, told.severity) != noted and _note(session, case, "raised", inbound_id, told, now)


def raise_severity(
    session: Session, conversation_id: uuid.UUID, inbound_id: int, severity: str, *, now: datetime | None = None
) -> Case | None:
    """The person said something that makes it worse (not safe now). Nothing when there is no open case."""
    case = open_case(session, conversation_id, lock=True)
    if case and _note(session, case, "raised", inbound_id, Disclosure("", severity), now):
        for one in _with_main(session, case):
            _worse_or_news(session, one, severity, now)
    return case


def add_message(session: Session, case: Case, inbound_id: int, *, now: datetime | None = None) -> None:
    """A further message of the same person belongs to the case, and whoever has it is told."""
    if _note(session, case, "message", inbound_id, None, now):
        _worse_or_news(session, _with_main(session, case)[-1], None, now)


def _with_main(session: Session, case: Case) -> list[Case]:
    """The case, and the one it was merged into, locked."""
    return [case, locked(session, case.merged_into)] if case.merged_into else [case]


def _worse_or_news(session: Session, case: Case, severity: str | None, now: datetime | None) -> None:
    """Let the clocks know: a worse case is paged at once, and its owner is told; any message is news to the owner."""
    risen = severity is not None and worse(case.severity, severity) != case.severity
    if severity and risen:
        case.severity = severity
    if case.state == "merged" or not (risen or case.owner_id):
        return
    at = now or database_now(session)
    if case.state in {"new", "paged"} and risen:
        case.page_due_at, case.next_level = at, max(case.level, 1)
    elif case.owner_id and (risen or _not_told(case)):
        case.news, case.news_at = "raised" if risen else case.news or "message", at
    if risen:
        _shorten(case)


def _not_told(case: Case) -> bool:
    """Whether the owner has done something since they were last told: one page for what came since, not one each."""
    acted = [at for at in (case.contact_at, case.acknowledged_at) if at]
    return case.news_at is None and (case.told_at is None or not acted or case.told_at < max(acted))


def _shorten(case: Case) -> None:
    """The clocks of the worse severity, where they end earlier."""
    rules = rules_of(case)
    if rules is None:
        return
    if case.reply_due_at and case.acknowledged_at:
        case.reply_due_at = min(case.reply_due_at, rules.reply_due(case.acknowledged_at))
    if case.contact_due_at and case.contact_at:
        case.contact_due_at = min(case.contact_due_at, rules.contact_due(case.contact_at))
    if case.close_due_at:
        case.close_due_at = min(case.close_due_at, rules.close_due(case.opened_at))


def event(
    session: Session,
    case: Case,
    kind: str,
    now: datetime,
    *,
    staff_id: uuid.UUID | None = None,
    level: int | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append what happened to the case's log. `detail`: codes and what an officer wrote; it is stored encrypted."""
    session.add(CaseEvent(case_id=case.id, kind=kind, at=now, staff_id=staff_id, level=level, detail=detail))


def first_event(session: Session, case: Case, kind: str) -> CaseEvent | None:
    """The first time something happened in a case."""
    query = select(CaseEvent).where(CaseEvent.case_id == case.id, CaseEvent.kind == kind)
    return session.scalar(query.order_by(CaseEvent.at, CaseEvent.id).limit(1))


def _new(
    session: Session, conversation_id: uuid.UUID, told: Disclosure, language: str | None, now: datetime | None
) -> Case:
    at = now or database_now(session)
    case = Case(
        id=uuid.uuid4(),
        code=free_code(session),
        conversation_id=conversation_id,
        severity=told.severity,
        concerns=[told.concern],
        language=language,
        opened_at=at,
        page_due_at=at,
    )
    session.add(case)
    session.flush()
    return case


def free_code(session: Session) -> str:
    """A short code no open case has: four digits, six when many are open. The unique index settles a race."""
    digits = 4
    while True:
        first = 10 ** (digits - 1)
        tried = [str(first + secrets.randbelow(9 * first)) for _ in range(CODES_TRIED)]
        taken = set(session.scalars(select(Case.code).where(Case.closed_at.is_(None), Case.code.in_(tried))))
        free = [code for code in tried if code not in taken]
        if len(free) > CODES_TRIED // 2:
            return free[0]
        digits = 6


def _note(
    session: Session, case: Case, kind: str, inbound_id: int, told: Disclosure | None, now: datetime | None
) -> bool:
    """Append an event; False when this message's event was there already."""
    row = session.execute(
        insert(CaseEvent)
        .values(
            case_id=case.id,
            kind=kind,
            inbound_id=inbound_id,
            at=now or func.now(),
            severity=told.severity if told else None,
            concern=(told.concern or None) if told else None,
            detail={"why": list(told.why)} if told and told.why else None,
        )
        .on_conflict_do_nothing()
        .returning(CaseEvent.id)
    ).first()
    return row is not None


def counts(session: Session, *, drill: bool = False) -> dict[str, int]:
    """How many cases are open, by state. Drills are counted apart, and a merged case with the one it belongs to."""
    by_state = (
        select(Case.state, func.count())
        .where(Case.closed_at.is_(None), Case.drill == drill, Case.state != "merged")
        .group_by(Case.state)
    )
    return {row[0]: row[1] for row in session.execute(by_state)}
