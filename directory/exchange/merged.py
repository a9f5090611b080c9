"""An import respects a merge: what was merged into another is left out of the file, and what pointed at it moves."""

import uuid
from typing import Any

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from base.db import Base
from directory import models as m
from directory.exchange.gathered import Gathered
from directory.exchange.tables import columns, public_ids, target
from directory.merging import MERGED

KINDS: tuple[type[Base], ...] = (m.Organization, m.Service)


def leave_out(session: Session, gathered: Gathered, *, confidential: bool) -> None:
    """Drop merged organizations and services and what a merged service holds; tell it in the report's notes."""
    for model in KINDS:
        into = _merged(session, model)
        told = set(into.values()) if confidential else public_ids(session, model, into.values())
        for key in [one for one in gathered.rows[model] if one[0] in into]:
            del gathered.rows[model][key], gathered.found_at[model][key]
            where = str(into[key[0]]) if into[key[0]] in told else "another"
            gathered.report.notes[f"{model.__tablename__} {key[0]}: merged into {where}, left out"] += 1
            gathered.report.unchanged += 1
        if into:
            _move(gathered, model, into)


def _merged(session: Session, model: type[Base]) -> dict[uuid.UUID, uuid.UUID]:
    """Each that was merged, to where it is now: a chain of merges is followed to its end."""
    change = m.FieldChange
    wanted = select(change.resource_id, change.replacement_value).where(
        change.field_name == "merged_into", change.resource_type == model.__tablename__,
        change.last_action_type == func.concat(MERGED, " ", cast(change.resource_id, Text)),
        change.replacement_value.is_not(None),
    ).order_by(change.last_action_date)  # fmt: skip
    rows = session.execute(wanted).all()
    into = {row.resource_id: uuid.UUID(row.replacement_value) for row in rows}
    return {key: _end(into, key) for key in into}


def _end(into: dict[uuid.UUID, uuid.UUID], key: uuid.UUID) -> uuid.UUID:
    seen = set[uuid.UUID]()
    while key in into and key not in seen:
        seen.add(key)
        key = into[key]
    return key


def _move(gathered: Gathered, model: type[Base], into: dict[uuid.UUID, uuid.UUID]) -> None:
    """A service of a merged organization goes to the one it is now; parts of what was merged moved when it was."""
    for other, rows in gathered.rows.items():
        for name in (c.name for c in columns(other) if target(c) == model.__tablename__):
            for key, row in list(rows.items()):
                if row.get(name) not in into:
                    continue
                if _points(other, name):
                    row[name] = into[row[name]]
                else:
                    del rows[key], gathered.found_at[other][key]
        _attributes(other, rows, gathered, into)
    for kind, gone in gathered.gone.items():
        gathered.gone[kind] = [row for row in gone if row.get("service_id") not in into]


def _points(other: type[Base], name: str) -> bool:
    """Whether the row is something of its own that only names what was merged."""
    return other in {m.Service, m.Location, m.Program, m.Organization} or name == "referred_by_id"


def _attributes(other: type[Base], rows: dict[Any, Any], gathered: Gathered, into: dict[uuid.UUID, uuid.UUID]) -> None:
    for key in [key for key, row in rows.items() if other is m.Attribute and row.get("link_id") in into]:
        del rows[key], gathered.found_at[other][key]
