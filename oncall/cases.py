"""Open cases and add to them, in the transaction of the message that tells of harm."""

import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from oncall.models import Case, CaseEvent

SEVERITIES = ("standard", "high", "critical")  # rising


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
    """The case of a conversation that is not closed."""
    query = select(Case).where(Case.conversation_id == conversation_id, Case.closed_at.is_(None))
    return session.scalar(query.with_for_update() if lock else query)


def disclose(
    session: Session, conversation_id: uuid.UUID, inbound_id: int, told: Disclosure, *, language: str | None
) -> Case:
    """Attach a disclosure to the conversation's open case, or open one. The caller holds the conversation's lock.

    Idempotent on the inbound message. By itself severity only rises, and a further, different concern is added.
    """
    case = open_case(session, conversation_id, lock=True) or _new(session, conversation_id, told, language)
    if not _note(session, case, "disclosed", inbound_id, told):
        return case
    if told.concern not in case.concerns:
        case.concerns = [*case.concerns, told.concern]
    case.severity = worse(case.severity, told.severity)
    return case


def raise_severity(session: Session, conversation_id: uuid.UUID, inbound_id: int, severity: str) -> Case | None:
    """The person said something that makes it worse (not safe now). Nothing when there is no open case."""
    case = open_case(session, conversation_id, lock=True)
    if case and _note(session, case, "raised", inbound_id, Disclosure("", severity)):
        case.severity = worse(case.severity, severity)
    return case


def add_message(session: Session, case: Case, inbound_id: int) -> None:
    """A further message of the same person belongs to the case."""
    _note(session, case, "message", inbound_id, None)


def _new(session: Session, conversation_id: uuid.UUID, told: Disclosure, language: str | None) -> Case:
    case = Case(
        id=uuid.uuid4(),
        code=_free_code(session),
        conversation_id=conversation_id,
        severity=told.severity,
        concerns=[told.concern],
        language=language,
    )
    session.add(case)
    session.flush()
    return case


def _free_code(session: Session) -> str:
    """A short code no open case has: four digits, five when many are open. The unique index settles a race."""
    taken = set(session.scalars(select(Case.code).where(Case.closed_at.is_(None))))
    digits = 4 if len(taken) < 3000 else 6
    while True:
        code = str(secrets.randbelow(9 * 10 ** (digits - 1)) + 10 ** (digits - 1))
        if code not in taken:
            return code


def _note(session: Session, case: Case, kind: str, inbound_id: int, told: Disclosure | None) -> bool:
    """Append an event; False when this message's event was there already."""
    row = session.execute(
        insert(CaseEvent)
        .values(
            case_id=case.id,
            kind=kind,
            inbound_id=inbound_id,
            severity=told.severity if told else None,
            concern=(told.concern or None) if told else None,
            detail={"why": list(told.why)} if told and told.why else None,
        )
        .on_conflict_do_nothing()
        .returning(CaseEvent.id)
    ).first()
    return row is not None


def counts(session: Session) -> dict[str, int]:
    """How many cases are open, by state."""
    by_state = select(Case.state, func.count()).where(Case.closed_at.is_(None)).group_by(Case.state)
    return {row[0]: row[1] for row in session.execute(by_state)}
