"""What officers write into a case: notes, hand-over notes and translations of messages. Each is an event of the case,
encrypted, kept as long as the case's words are; nothing is changed afterwards, the newest translation counts."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session

from base.db import ReadableJSON
from base.errors import InvalidInput, Refused
from oncall.cases import event
from oncall.models import Case, CaseEvent, Staff

KINDS = ("note", "handover")
LONGEST = 4000


@dataclass(frozen=True)
class Happened:
    """An event for reading: who did it (none: the service), and what was written."""

    id: int
    at: datetime
    kind: str
    who: str
    detail: dict[str, Any]
    level: int | None
    severity: str | None
    concern: str | None


def write(session: Session, case: Case, kind: str, words: str, now: datetime, *, staff_id: uuid.UUID) -> None:
    """A note, or what the next shift must know (`handover`)."""
    if kind not in KINDS:
        raise InvalidInput("a note or a hand-over note")
    event(session, case, kind, now, staff_id=staff_id, detail={"note": _words(case, words)})
    session.flush()


def translate(session: Session, case: Case, message: str, words: str, now: datetime, *, staff_id: uuid.UUID) -> None:
    """What a message says, in the officers' language, written by a person. `message`: as bot.thread names it."""
    detail = {"message": message, "note": _words(case, words)}
    event(session, case, "translation", now, staff_id=staff_id, detail=detail)
    session.flush()


def _words(case: Case, words: str) -> str:
    if case.closed_at:
        raise Refused("this case is closed")
    text = words.strip()
    if not text or len(text) > LONGEST:
        raise InvalidInput(f"write something, at most {LONGEST} letters")
    return text


def history(
    session: Session, case_ids: Sequence[uuid.UUID], *, only: Sequence[str] = (), but: Sequence[str] = ()
) -> list[Happened]:
    """What happened, the newest first: everything, `only` these kinds, or all `but` those. A damaged detail is told as
    such."""
    detail = type_coerce(CaseEvent.detail, ReadableJSON("case_event.detail"))
    query = (
        select(
            CaseEvent.id, CaseEvent.at, CaseEvent.kind, Staff, detail, CaseEvent.level, CaseEvent.severity,
            CaseEvent.concern,
        )
        .outerjoin(Staff, Staff.id == CaseEvent.staff_id)
        .where(CaseEvent.case_id.in_(case_ids), CaseEvent.kind.not_in(but))
        .order_by(CaseEvent.id.desc())
    )  # fmt: skip
    query = query.where(CaseEvent.kind.in_(only)) if only else query
    return [
        Happened(row[0], row[1], row[2], row[3].name if row[3] else "", row[4] or {}, row[5], row[6], row[7])
        for row in session.execute(query)
    ]
