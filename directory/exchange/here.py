"""Rows that are here already."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.db import Base
from directory.exchange.tables import Key, Row, primary

BATCH = 10_000  # ids in one question


def here(session: Session, model: type[Base], keys: list[Key], *, hidden: bool, by: str = "") -> dict[Any, Row]:
    """Rows by id (by the whole key where it has two columns) whose first column, or `by`, is in the keys' first place.

    `hidden`: confidential ones too.
    """
    names, entity, found = primary(model), model.__table__, dict[Any, Row]()
    column = entity.c[by or names[0]]
    ids = list(dict.fromkeys(key[0] for key in keys))
    if not ids or session.execute(select(1).select_from(entity).limit(1)).first() is None:
        return found
    for start in range(0, len(ids), BATCH):
        for row in session.execute(select(entity).where(column.in_(ids[start : start + BATCH]))).mappings():
            if hidden or not row.get("confidential"):
                found[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)] = dict(row)
    return found
