"""Editing the directory: every change of a field is kept, with who, when and why, and can be put back.

What the staff site and the shell call. All functions work in the caller's transaction; what readers keep in memory
sees the change after its commit (`directory.freshness`). Values may be of the column's type or text as a form or the
history has it (`directory.codec`). Refused and InvalidInput are sentences for a person; they never hold a value.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, inspect, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.errors import InvalidInput, Refused
from directory import codec, fields
from directory import models as m

UNSEEN: Final = object()  # for `expected`: the editor saw no value
CHANGED_MEANWHILE = "somebody else has changed this meanwhile; look at it again before you change it"


def row_of(session: Session, table: str, key: uuid.UUID) -> Any:
    """A row by its table's name and id. InvalidInput where there is none."""
    model = fields.MODELS.get(table)
    row = session.get(model, key) if model else None
    if row is None:
        raise InvalidInput("there is no such row of the directory")
    return row


def value_of(session: Session, row: Any, field: str) -> Any:
    """What a field holds now. `needs` of a service: codes in one text."""
    if field != fields.NEEDS_FIELD:
        return getattr(row, field)
    met = session.scalars(select(m.ServiceNeed).where(m.ServiceNeed.service_id == row.id)).all()
    words = [("also:" if one.rank else "") + ("part:" if one.part else "") + one.need for one in met]
    return fields.clean(m.Service, field, words)


def edit(
    session: Session, row: Any, field: str, value: Any, *, by: str, now: datetime, expected: Any = UNSEEN,
    reason: str | None = None,
) -> list[m.FieldChange]:  # fmt: skip
    """Change one field; see `edit_all`. `expected` is what the editor saw in it."""
    seen = {} if expected is UNSEEN else {field: expected}
    return edit_all(session, row, {field: value}, by=by, now=now, expected=seen, reason=reason)


def edit_all(
    session: Session, row: Any, values: Mapping[str, Any], *, by: str, now: datetime,
    expected: Mapping[str, Any] | None = None, reason: str | None = None, action: str = "update",
) -> list[m.FieldChange]:  # fmt: skip
    """Change fields of one row, all or none. Returns what changed, in order; nothing for values it has already.

    `by` is the name of a person. Refused where a field is not as `expected` any more, or the row would break a rule.
    A number, hour or address that changes is unverified; a translation of a text that changes is outdated.
    """
    _named(by)
    _lock(session, row)
    model = type(row)
    wanted = {field: fields.clean(model, field, value) for field, value in values.items()}
    for field, seen in (expected or {}).items():
        if codec.encode(fields.clean(model, field, seen)) != codec.encode(value_of(session, row, field)):
            raise Refused(CHANGED_MEANWHILE)
    _check_links(session, row, wanted)
    changes = _apply(session, row, wanted, by=by, now=now, reason=reason, action=action)
    if changes:
        changes += _consequences(session, row, {change.field_name for change in changes}, by=by, now=now)
    _write(session)
    return changes


def create(
    session: Session, model: type[Any], values: Mapping[str, Any], *, by: str, now: datetime, reason: str | None = None
) -> Any:
    """A new row: `values` by field, with what it hangs on (`service_id`, ...). A new number or hour is unverified."""
    _named(by)
    columns = inspect(model).columns
    owners = {name: codec.decode(columns[name], key) for name, key in values.items() if _is_owner(model, name)}
    for name, key in owners.items():
        target = next(iter(columns[name].foreign_keys)).column.table.name
        if key is not None and target in fields.MODELS:
            row_of(session, target, key)
    plain = {name: fields.clean(model, name, value) for name, value in values.items() if name not in owners}
    needs = plain.pop(fields.NEEDS_FIELD, "")
    given = {name: value for name, value in plain.items() if value is not None}
    row = model(id=uuid.uuid4(), **owners, **given)
    _written_at(row, now)
    session.add(row)
    _check_links(session, row, given)
    _write(session)
    session.refresh(row)
    for name in given:
        _note(session, row, name, None, getattr(row, name), by=by, now=now, reason=reason, action="create")
    if needs:
        _apply(session, row, {fields.NEEDS_FIELD: needs}, by=by, now=now, reason=reason, action="create")
    _write(session)
    return row


def retire(
    session: Session, row: Any, *, by: str, now: datetime, reason: str | None = None, status: str = "inactive"
) -> list[m.FieldChange]:
    """Take a service, a place of one, a number or a schedule out of use; nothing is deleted. `status` (of a service):
    inactive, defunct or temporarily closed. Hours hold until the day before."""
    return _turn(session, row, now, retired=True, status=status, by=by, reason=reason)


def unretire(session: Session, row: Any, *, by: str, now: datetime, reason: str | None = None) -> list[m.FieldChange]:
    """Take it into use again. A number or schedule is unverified until somebody checks it."""
    return _turn(session, row, now, retired=False, status="active", by=by, reason=reason)


def bring_back(
    session: Session, row: Any, was: str | None, *, by: str, now: datetime, reason: str | None
) -> list[m.FieldChange]:
    """Write a row that had been deleted. Refused when what it hung on is gone, or the rules forbid it now."""
    _named(by)
    session.add(row)
    _write(session)
    change = m.FieldChange(
        resource_id=row.id, resource_type=row.__tablename__, last_action_date=now, last_action_type="restore",
        field_name="*", previous_value=None, replacement_value=was, updated_by=by, reason=reason,
    )  # fmt: skip
    session.add(change)
    session.flush()
    return [change]


def _turn(
    session: Session, row: Any, now: datetime, *, retired: bool, status: str, by: str, reason: str | None
) -> list[m.FieldChange]:
    _named(by)
    _lock(session, row)
    field, value = _out_of_use(session, row, now, retired=retired, status=status)
    if codec.encode(getattr(row, field)) == codec.encode(value):
        raise Refused("it is out of use already" if retired else "it is in use already")
    action = "retire" if retired else "restore"
    changes = _apply(session, row, {field: value}, by=by, now=now, reason=reason, action=action)
    if not retired:
        changes += _unverify(session, row, by=by, now=now)
    _write(session)
    return changes


def _out_of_use(session: Session, row: Any, now: datetime, *, retired: bool, status: str) -> tuple[str, Any]:
    """The field that says whether it is used, and what it is to hold."""
    today = now.astimezone(DOMINICA).date()
    if isinstance(row, m.Service):
        if retired and status not in {"inactive", "defunct", "temporarily closed"}:
            raise InvalidInput("status must be one of: inactive, defunct, temporarily closed")
        return "status", status
    if isinstance(row, m.Phone | m.ServiceAtLocation):
        return "retired_on", (row.retired_on or today) if retired else None
    if not isinstance(row, m.Schedule):
        raise InvalidInput("only a service, its place, a number or a schedule is taken out of use")
    if not retired:
        return "valid_to", _valid_to_before(session, row)
    over = row.valid_to is not None and row.valid_to < today
    return "valid_to", row.valid_to if over else today - timedelta(days=1)


def _valid_to_before(session: Session, row: m.Schedule) -> Any:
    """Until when hours held before they were last taken out of use."""
    last = session.scalars(
        select(m.FieldChange)
        .where(m.FieldChange.resource_type == "schedule", m.FieldChange.resource_id == row.id)
        .where(m.FieldChange.field_name == "valid_to", m.FieldChange.last_action_type == "retire")
        .order_by(m.FieldChange.sequence.desc())
        .limit(1)
    ).first()
    return codec.decode(inspect(m.Schedule).columns["valid_to"], last.previous_value) if last else None


def _apply(
    session: Session, row: Any, wanted: Mapping[str, Any], *, by: str, now: datetime, reason: str | None, action: str
) -> list[m.FieldChange]:
    """Write what differs, then a line of history for each."""
    differs = []
    with session.no_autoflush:  # the row may be right only when all is written
        for field, value in wanted.items():
            before = value_of(session, row, field)
            if codec.encode(before) != codec.encode(value):
                differs.append((field, before, value))
                _set(session, row, field, value)
        if differs:
            _written_at(row, now)
    _write(session)
    return [_note(session, row, *one, by=by, now=now, reason=reason, action=action) for one in differs]


def _written_at(row: Any, now: datetime) -> None:
    if moment := fields.MOMENT.get(row.__tablename__):
        setattr(row, moment, now)


def _set(session: Session, row: Any, field: str, value: Any) -> None:
    if field == fields.NEEDS_FIELD:
        _set_needs(session, row, value)
    else:
        setattr(row, field, value)


def _consequences(session: Session, row: Any, changed: set[str], *, by: str, now: datetime) -> list[m.FieldChange]:
    """What is not true any more because something else has changed."""
    found = []
    if changed & fields.CHECKED.get(row.__tablename__, frozenset()):
        found += _unverify(session, row, by=by, now=now)
    if isinstance(row, m.Service):
        texts = select(m.ServiceText).where(
            m.ServiceText.service_id == row.id, m.ServiceText.field.in_(changed), m.ServiceText.state != "outdated"
        )
        for text in session.scalars(texts):
            found += _apply(session, text, {"state": "outdated"}, by=by, now=now, reason=None, action="update")
    if isinstance(row, m.ServiceText) and "text" in changed:
        emptied = {"state": "draft", "reviewed_by": None, "reviewed_on": None}
        found += _apply(session, row, emptied, by=by, now=now, reason=None, action="update")
    return found


def _unverify(session: Session, row: Any, *, by: str, now: datetime) -> list[m.FieldChange]:
    """Nobody has checked this as it is now."""
    names = [name for name in ("verified_by", "verified_on", "next_check_due", "demo") if hasattr(row, name)]
    if isinstance(row, m.Service):  # its own check is of the service as a whole; a status says nothing against it
        return []
    wanted = {name: False if name == "demo" else None for name in names}
    return _apply(session, row, wanted, by=by, now=now, reason=None, action="update")


def _set_needs(session: Session, service: m.Service, codes: str) -> None:
    session.execute(delete(m.ServiceNeed).where(m.ServiceNeed.service_id == service.id))
    for word in codes.split():
        *marks, need = word.split(":")
        session.add(m.ServiceNeed(service_id=service.id, need=need, rank=int("also" in marks), part="part" in marks))


def _note(
    session: Session, row: Any, field: str, before: Any, after: Any, *, by: str, now: datetime, reason: str | None,
    action: str,
) -> m.FieldChange:  # fmt: skip
    change = m.FieldChange(
        resource_id=row.id, resource_type=row.__tablename__, last_action_date=now, last_action_type=action,
        field_name=field, previous_value=codec.encode(before), replacement_value=codec.encode(after), updated_by=by,
        reason=reason,
    )  # fmt: skip
    session.add(change)
    session.flush()  # one after the other: their sequence is the order
    return change


def _check_links(session: Session, row: Any, wanted: Mapping[str, Any]) -> None:
    """A confidential service is replaced by an office that may be named, and that is not itself."""
    other = wanted.get("referred_by_id")
    if other is not None:
        office = session.get(m.Service, other)
        if office is None or office.id == row.id or office.confidential:
            raise Refused("the referring office must be another service, one that may be named")
    for field, model in (("parent_organization_id", m.Organization), ("program_id", m.Program)):
        if wanted.get(field) is not None:
            _check_parent(session, row, field, model, wanted[field])


def _check_parent(session: Session, row: Any, field: str, model: type[Any], key: uuid.UUID) -> None:
    above, seen = session.get(model, key), set[uuid.UUID]()
    if above is None:
        raise Refused("there is no such row to point at")
    while field == "parent_organization_id" and above is not None and above.id not in seen:
        if above.id == row.id:
            raise Refused("an organization cannot be above itself")
        seen.add(above.id)
        above = session.get(model, above.parent_organization_id) if above.parent_organization_id else None


def _is_owner(model: type[Any], name: str) -> bool:
    column = inspect(model).columns.get(name)
    return column is not None and bool(column.foreign_keys) and (model.__tablename__, name) not in fields.LINKS


def _named(by: str) -> None:
    if not by.strip():
        raise InvalidInput("who does this must be named")


def _lock(session: Session, row: Any) -> None:
    """The row as it is now, ours until the end of the transaction. Readers, and rows that point at it, do not wait."""
    session.flush()
    session.refresh(row, with_for_update={"key_share": True})


def _write(session: Session) -> None:
    """Send what was changed; what the database does not allow is told without its values, and undone."""
    try:
        session.flush()
    except (IntegrityError, DataError) as error:
        told = getattr(error.orig, "diag", None)
        rule = getattr(told, "constraint_name", None) or "about lengths"
        raise Refused(f"this breaks the rule {rule} of the directory; nothing was changed") from None
