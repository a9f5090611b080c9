"""What a person checked, and what has to be checked next."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import database_now
from base.errors import InvalidInput, Refused
from directory import codec, fields
from directory.models import CheckTask, FieldChange, LocationAddress, Phone, Schedule, Service, ServiceText

GOOD_FOR = timedelta(days=180)  # our own rule: a number is dialled again after half a year
Checked = Phone | Schedule | LocationAddress | Service


def verify(
    session: Session, row: Checked, *, by: str, on: date, seen: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> None:  # fmt: skip
    """A named person (`by`) has checked this number, these hours, this address or this service on that day.

    `seen` is what they checked, by field (the number they dialled): Refused when it is another one by now. A retired
    number is not verified. Kept in the history, at `now` (None: the transaction's beginning).
    """
    if not by.strip():
        raise InvalidInput("who has checked it must be named")
    _come(session, on, now)
    session.refresh(row, with_for_update={"key_share": True})
    for name, value in (seen or {}).items():
        if codec.encode(fields.clean(type(row), name, value)) != codec.encode(getattr(row, name)):
            raise Refused("this is not what the directory has now; look at it again and check that")
    if isinstance(row, Phone) and row.retired_on:
        raise Refused("this number is out of use; take it into use first")
    _put(session, row, {"verified_by": by, "verified_on": on, "next_check_due": on + GOOD_FOR}, by, now)


def review(
    session: Session, text: ServiceText, *, by: str, on: date, seen: str | None = None, now: datetime | None = None
) -> None:
    """A named speaker has reviewed this translation. `seen` is the text they read, as in `verify`."""
    if not by.strip():
        raise InvalidInput("who has reviewed it must be named")
    _come(session, on, now)
    session.refresh(text, with_for_update={"key_share": True})
    if seen is not None and seen != text.text:
        raise Refused("this is not what the directory has now; look at it again and review that")
    _put(session, text, {"reviewed_by": by, "reviewed_on": on, "state": "reviewed"}, by, now)


def _come(session: Session, on: date, now: datetime | None) -> None:
    """A slip of the year, and it would never be due again."""
    if on > (now or database_now(session)).astimezone(DOMINICA).date():
        raise InvalidInput("that day has not come yet")


def due(session: Session, on: date, limit: int = 100) -> list[tuple[Phone, int]]:
    """(number, open reports) of active services to be dialled: most reported, never verified, longest ago.

    A report (checks.report_wrong) makes the number that was given out due, or all of the service where it is not known
    which. It takes none away: on one texter's word somebody could silence a service.
    """
    reports = func.coalesce(reports_of(Phone.service_id, Phone.id), 0)
    found = (
        select(Phone, reports.label("reports"))
        .join(Service, Service.id == Phone.service_id)
        .where(Service.status == "active", Phone.retired_on.is_(None))
        .where(or_(Phone.verified_on.is_(None), overdue(Phone, on), reports > 0))
    )
    order = (reports.desc(), Phone.verified_on.asc().nulls_first(), Phone.id)
    return [(phone, count) for phone, count in session.execute(found.order_by(*order).limit(limit))]


def overdue(model: Any, on: date) -> ColumnElement[bool]:
    """Whether a check was too long ago (SQL). Where no day for the next one came in with it, the rule gives it."""
    return or_(model.next_check_due <= on, and_(model.next_check_due.is_(None), model.verified_on <= on - GOOD_FOR))


def reports_of(service_id: Any, phone_id: Any) -> Any:
    """Open reports about a number: those that name it, and those of its service that name none (SQL; none: NULL)."""
    about = or_(CheckTask.phone_id.is_(None), CheckTask.phone_id == phone_id)
    mine = (CheckTask.service_id == service_id, CheckTask.kind == "number", CheckTask.done_at.is_(None), about)
    return select(func.sum(CheckTask.reports)).where(*mine).correlate(Phone, Service).scalar_subquery()


def _put(session: Session, row: Any, values: Mapping[str, Any], by: str, now: datetime | None) -> None:
    before = {name: getattr(row, name) for name in values}
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    for name, value in values.items():
        if before[name] != value:
            change = FieldChange(
                resource_id=row.id, resource_type=row.__tablename__, last_action_type="verify", field_name=name,
                previous_value=codec.encode(before[name]), replacement_value=codec.encode(value), updated_by=by,
                **({"last_action_date": now} if now else {}),
            )  # fmt: skip
            session.add(change)
            session.flush()  # one after the other: their sequence is the order
