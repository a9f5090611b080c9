"""Alarms about the watch itself: raised once while they last, told to supervisors, cleared when they are over."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base import log
from oncall import pages, staff
from oncall.models import Alarm

KINDS = ("nobody", "opted_out", "untested", "gap", "no_due", "late_engine", "unsent")
# What is so bad that supervisors are paged for it; the others stand on the staff site and in the metrics.
PAGED = frozenset({"nobody", "opted_out", "untested", "no_due", "late_engine"})
logger = log.get(__name__)


def raise_alarm(
    session: Session, kind: str, now: datetime, *, subject: str = "", staff_id: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
) -> bool:  # fmt: skip
    """Raise an alarm; False when it is open already. Supervisors are paged for the worst kinds."""
    row = session.execute(
        insert(Alarm)
        .values(kind=kind, subject=subject, staff_id=staff_id, case_id=case_id, raised_at=now)
        .on_conflict_do_nothing(index_elements=["kind", "subject"], index_where=Alarm.cleared_at.is_(None))
        .returning(Alarm.id)
    ).first()
    if row is None:
        return False
    logger.error("alarm", kind=kind, staff_id=staff_id and str(staff_id), case_id=case_id and str(case_id))
    if kind in PAGED:
        told = [one for one in staff.active(session, "supervisor", "administrator") if one.id != staff_id]
        pages.write(session, told, "alarm", now)
    return True


def clear(session: Session, kind: str, now: datetime, *, subject: str = "") -> None:
    """It is over."""
    session.execute(
        update(Alarm)
        .where(Alarm.kind == kind, Alarm.subject == subject, Alarm.cleared_at.is_(None))
        .values(cleared_at=now)
    )


def keep(session: Session, kind: str, now: datetime, standing: Mapping[str, uuid.UUID | None]) -> None:
    """Make the open alarms of a kind exactly these (subject -> the person it is about)."""
    for subject, staff_id in standing.items():
        raise_alarm(session, kind, now, subject=subject, staff_id=staff_id)
    over = set(open_subjects(session, kind)) - set(standing)
    for subject in over:
        clear(session, kind, now, subject=subject)


def open_subjects(session: Session, kind: str) -> Iterable[str]:
    """What the open alarms of a kind are about."""
    return session.scalars(select(Alarm.subject).where(Alarm.kind == kind, Alarm.cleared_at.is_(None))).all()


def counts(session: Session) -> dict[str, int]:
    """Open alarms by kind."""
    rows = session.execute(select(Alarm.kind, func.count()).where(Alarm.cleared_at.is_(None)).group_by(Alarm.kind))
    return {row[0]: row[1] for row in rows}
