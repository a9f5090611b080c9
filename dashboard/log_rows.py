"""Reading the audit log for its page and for a file."""

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from base import audit
from base.audit import AuditEvent
from dashboard import typed
from directory.exchange.cells import written
from oncall.models import Case

AT_ONCE = 100
COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "hash")
NOBODY = "service"  # the choice for entries without a person: the service itself, or an administrator's shell


@dataclass(frozen=True)
class Asked:
    """What entries are looked for; empty: all. `case` is a case's code, `before` the entry that a page ends before."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    case: str = ""
    day: date | None = None
    before: int | None = None


def page(session: Session, asked: Asked) -> tuple[Sequence[AuditEvent], int | None]:
    """A page of entries, the newest first, and where the next one begins (None: this was the last)."""
    query = select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(AT_ONCE + 1)
    if asked.before:
        query = query.where(AuditEvent.seq < asked.before)
    if asked.actor:
        query = query.where(AuditEvent.actor_id == _actor(asked.actor))
    if asked.action:
        query = query.where(AuditEvent.action == asked.action)
    if asked.subject:
        query = query.where(AuditEvent.subject == asked.subject)
    if asked.case:
        query = query.where(AuditEvent.subject.in_(_cases(session, asked.case)))
    if asked.day:
        start = typed.midnight(asked.day)
        query = query.where(AuditEvent.at >= start, AuditEvent.at < start + timedelta(days=1))
    found = session.scalars(query).all()
    return found[:AT_ONCE], found[AT_ONCE - 1].seq if len(found) > AT_ONCE else None


def _actor(written_: str) -> uuid.UUID | None:
    try:
        return None if written_ == NOBODY else uuid.UUID(written_)
    except ValueError:
        return uuid.UUID(int=0)  # nobody's


def _cases(session: Session, code: str) -> list[str]:
    """All cases that have, or had, a code: codes are used again when a case is closed."""
    return [f"case:{id_}" for id_ in session.scalars(select(Case.id).where(Case.code == code))]


def actions(session: Session) -> Sequence[str]:
    """What was ever done, for a choice."""
    return session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)).all()


def as_lines(session: Session) -> Iterator[bytes]:
    """The whole log, an entry a line, as JSON."""
    for entry in audit.entries(session):
        yield orjson.dumps(audit.as_json(entry)) + b"\n"


def as_csv(session: Session) -> Iterator[bytes]:
    """The whole log as CSV; a cell that a spreadsheet could take for a formula gets an apostrophe before it."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for entry in audit.entries(session):
        told = audit.as_json(entry) | {"detail": orjson.dumps(entry.detail).decode() if entry.detail else ""}
        writer.writerow([written(told[name]) for name in COLUMNS])
        if line.tell() > 60_000:
            yield _taken(line)
    yield _taken(line)


def _taken(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()
