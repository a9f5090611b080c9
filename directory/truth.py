"""What a person checked, what they changed, and what has to be checked next."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from directory.models import CheckTask, FieldChange, Phone, Schedule, Service

GOOD_FOR = timedelta(days=180)  # our own rule: a number is dialled again after half a year
Checked = Phone | Schedule | Service


def verify(session: Session, row: Checked, *, by: str, on: date) -> None:
    """A named person (`by`) has checked this number, these hours or this service on that day. Kept in the history."""
    if not by.strip():
        raise InvalidInput("who has checked it must be named")
    changed = {"verified_by": by, "verified_on": on, "next_check_due": on + GOOD_FOR}
    for name, value in changed.items():
        _note(session, row, name, value, by=by, action="verify")
        setattr(row, name, value)
    session.flush()


def change_number(session: Session, phone: Phone, number: str, *, by: str) -> None:
    """A new number. It is not the one that was dialled, so nobody has verified it."""
    for name, value in {"number": number, "verified_by": None, "verified_on": None, "next_check_due": None}.items():
        _note(session, phone, name, value, by=by, action="update")
        setattr(phone, name, value)
    session.flush()


def restore_number(session: Session, change_id: uuid.UUID, *, by: str) -> None:
    """Put back the number from before a change; it is unverified until somebody dials it again."""
    change = session.get(FieldChange, change_id)
    if change is None or (change.resource_type, change.field_name) != ("phone", "number"):
        raise InvalidInput("this is no change of a number")
    phone = session.get(Phone, change.resource_id, with_for_update=True)
    if phone is None or not change.previous_value or phone.number != change.replacement_value:
        raise Refused("the number has changed again since, or is gone")
    change_number(session, phone, change.previous_value, by=by)


def history(session: Session, row: Checked) -> Sequence[FieldChange]:
    """Every change of this row, the newest first."""
    mine = (FieldChange.resource_id == row.id, FieldChange.resource_type == row.__tablename__)
    order = (FieldChange.last_action_date.desc(), FieldChange.id)
    return session.scalars(select(FieldChange).where(*mine).order_by(*order)).all()


def due(session: Session, on: date, limit: int = 100) -> list[tuple[Phone, int]]:
    """(number, open reports) of active services to be dialled: most reported, never verified, longest ago.

    A report (checks.report_wrong) makes a service's numbers due. It takes none away: on one texter's word somebody
    could silence a service.
    """
    reports = func.coalesce(CheckTask.reports, 0)
    found = (
        select(Phone, reports.label("reports"))
        .join(Service, Service.id == Phone.service_id)
        .outerjoin(
            CheckTask,
            (CheckTask.service_id == Service.id) & (CheckTask.kind == "number") & CheckTask.done_at.is_(None),
        )
        .where(Service.status == "active", or_(Phone.verified_on.is_(None), Phone.next_check_due <= on, reports > 0))
    )
    order = (reports.desc(), Phone.verified_on.asc().nulls_first(), Phone.id)
    return [(phone, count) for phone, count in session.execute(found.order_by(*order).limit(limit))]


def _note(session: Session, row: Checked, name: str, value: object, *, by: str, action: str) -> None:
    before = getattr(row, name)
    if before != value:
        change = FieldChange(
            resource_id=row.id, resource_type=row.__tablename__, last_action_type=action, field_name=name,
            previous_value=None if before is None else str(before),
            replacement_value=None if value is None else str(value), updated_by=by,
        )  # fmt: skip
        session.add(change)
