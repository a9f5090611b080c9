"""What was changed in the directory, by whom, and putting it back (HSDS `metadata`)."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, inspect, literal, or_, select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from directory import codec, edit, fields, secrecy
from directory import models as m

PAIRS = {"opens_at": "closes_at", "closes_at": "opens_at"}  # one cannot be without the other
_OF_SERVICE: tuple[type[Any], ...] = (
    m.ServiceText, m.ServiceAtLocation, m.DirectoryContact, m.Url, m.Phone, m.Schedule, m.SpokenLanguage, m.CostOption,
    m.RequiredDocument, m.ServiceArea, m.Funding, m.ServiceCapacity,
)  # fmt: skip
_OF_LOCATION: tuple[type[Any], ...] = (m.LocationAddress, m.Accessibility, m.Phone, m.Schedule, m.SpokenLanguage)
_OF_SITE: tuple[type[Any], ...] = (m.Phone, m.Schedule, m.ServiceArea, m.DirectoryContact)


def history(session: Session, row: Any, *, confidential: bool = False, limit: int = 500) -> Sequence[m.FieldChange]:
    """Every change of a row, the newest first; of a service, with its numbers, hours, places, texts and the rest.

    Refused for a confidential row, and confidential parts are left out, unless `confidential`: whoever asks may see
    them.
    """
    if not confidential and secrecy.hidden(session, row):
        raise Refused("this is confidential: only those who look after it may see its history")
    rows = rows_of(session, row) if isinstance(row, m.Service) else [row]
    shown = [one for one in rows if confidential or not secrecy.hidden(session, one)]
    if not shown:
        return []
    about = or_(_about(shown), _deleted(shown, confidential=confidential))
    found = session.scalars(select(m.FieldChange).where(about).order_by(m.FieldChange.sequence.desc()))
    told = (one for one in found if confidential or _may_be_told(session, one))
    return list(islice(told, limit))


def _may_be_told(session: Session, change: m.FieldChange) -> bool:
    """A row that was deleted may have hung on something confidential too; of what is gone nobody can say."""
    model = fields.MODELS.get(change.resource_type)
    if change.last_action_type != "delete" or model is None:
        return True
    row = _as_it_was(model, change)
    return not secrecy.hidden(session, row) and None not in secrecy.owners(session, row)


def _as_it_was(model: type[Any], change: m.FieldChange) -> Any:
    """A deleted row, without what somebody had checked of it."""
    table = inspect(model).columns
    held = json.loads(change.previous_value or "{}")
    unchecked = {"verified_by", "verified_on", "next_check_due", "reviewed_by", "reviewed_on", "state"}
    return model(**{n: codec.decode(table[n], v) for n, v in held.items() if n in table and n not in unchecked})


def _deleted(rows: Sequence[Any], *, confidential: bool) -> ColumnElement[bool]:
    """Rows that hung on these and were deleted; a confidential one only for those who may see it."""
    held = [m.FieldChange.previous_value.contains(f'_id": "{row.id}"') for row in rows]
    secret = m.FieldChange.previous_value.icontains('"confidential": "true"')
    return and_(m.FieldChange.last_action_type == "delete", or_(*held), or_(literal(confidential), ~secret))


def rows_of(session: Session, service: m.Service) -> list[Any]:
    """The service and every row that is about it: what hangs on it, on its places, and the places."""
    sites = session.scalars(select(m.ServiceAtLocation).where(m.ServiceAtLocation.service_id == service.id)).all()
    places = [site.location_id for site in sites]
    found: list[Any] = [service, *session.scalars(select(m.Location).where(m.Location.id.in_(places)))]
    for models, name, keys in (
        (_OF_SERVICE, "service_id", [service.id]),
        (_OF_LOCATION, "location_id", places),
        (_OF_SITE, "service_at_location_id", [site.id for site in sites]),
    ):
        for model in models if keys else ():
            column = getattr(model, name)
            found += session.scalars(select(model).where(column.in_(keys)).order_by(model.id))
    return found


def restore(
    session: Session, change_id: uuid.UUID, *, by: str, now: datetime, reason: str | None = None,
    confidential: bool = False,
) -> list[m.FieldChange]:  # fmt: skip
    """Put a field back as it was before a change; that is a change itself. Hours that were emptied come back as a pair.

    A number, hour or address that comes back is unverified. Refused when the field has changed again since, or what it
    held is not allowed any more.
    """
    change = session.get(m.FieldChange, change_id)
    if change is None:
        raise InvalidInput("there is no such change")
    if change.last_action_type == "delete":
        return _bring_back(session, change, by=by, now=now, reason=reason, confidential=confidential)
    row = edit.row_of(session, change.resource_type, change.resource_id)
    if not confidential and secrecy.hidden(session, row):
        raise Refused("this is confidential: only those who look after it may change it")
    if change.last_action_type == "create":
        raise Refused("this is how it was first written down; take it out of use instead")
    if change.field_name not in fields.editable(type(row)):
        return _restore_use(session, row, change, by=by, now=now, reason=reason)
    together = [change, *_partner(session, change)]
    return edit.edit_all(
        session, row, {one.field_name: one.previous_value for one in together}, by=by, now=now, reason=reason,
        expected={one.field_name: one.replacement_value for one in together}, action="restore",
    )  # fmt: skip


def _bring_back(
    session: Session, change: m.FieldChange, *, by: str, now: datetime, reason: str | None, confidential: bool
) -> list[m.FieldChange]:
    """A row that was deleted, as it was; what somebody had checked of it is to be checked again."""
    model, key = fields.MODELS.get(change.resource_type), change.resource_id
    if model is None:
        raise Refused("a row of this table cannot be brought back")
    if session.get(model, key) is not None:
        raise Refused("it is there already")
    row = _as_it_was(model, change)
    if not confidential and secrecy.hidden(session, row):
        raise Refused("this is confidential: only those who look after it may change it")
    return edit.bring_back(session, row, change.previous_value, by=by, now=now, reason=reason)


def _restore_use(
    session: Session, row: Any, change: m.FieldChange, *, by: str, now: datetime, reason: str | None
) -> list[m.FieldChange]:
    if change.field_name != "retired_on":
        raise Refused("a check cannot be put back: who checks it again says so")
    if codec.encode(row.retired_on) != change.replacement_value:
        raise Refused(edit.CHANGED_MEANWHILE)
    act = edit.retire if change.previous_value else edit.unretire
    return act(session, row, by=by, now=now, reason=reason)


def _partner(session: Session, change: m.FieldChange) -> Sequence[m.FieldChange]:
    """The other half of an interval that was made or emptied, changed at the same moment."""
    other = PAIRS.get(change.field_name)
    whole = change.previous_value is not None and change.replacement_value is not None
    if change.resource_type != "schedule" or other is None or whole:
        return []
    return session.scalars(
        select(m.FieldChange).where(
            _about_one("schedule", [change.resource_id]), m.FieldChange.field_name == other,
            m.FieldChange.last_action_date == change.last_action_date,
            m.FieldChange.last_action_type == change.last_action_type,
        )
    ).all()  # fmt: skip


def _about(rows: Sequence[Any]) -> ColumnElement[bool]:
    by_table: dict[str, list[uuid.UUID]] = {}
    for row in rows:
        by_table.setdefault(row.__tablename__, []).append(row.id)
    return or_(*(_about_one(table, keys) for table, keys in by_table.items()))


def _about_one(table: str, keys: Sequence[uuid.UUID]) -> ColumnElement[bool]:
    return and_(m.FieldChange.resource_type == table, m.FieldChange.resource_id.in_(keys))
