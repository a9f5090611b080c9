"""Writes gathered rows with COPY, and what changed into the history, in the caller's transaction."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import DataError, IntegrityError, sql
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError as IntegrityFault
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import Base, database_now
from base.errors import InvalidInput
from directory import codec, fields
from directory.exchange import cells
from directory.exchange.gathered import Gathered
from directory.exchange.here import here
from directory.exchange.report import Said
from directory.exchange.tables import (
    LOOPS,
    MODELS,
    VERIFIED,
    Key,
    Row,
    columns,
    file_name,
    is_loose,
    is_secret,
    primary,
    public_ids,
    target,
)
from directory.models import FieldChange, ServiceAtLocation

# What a check stands for; a number that comes back into use is to be checked again too.
FACT = {**fields.CHECKED, "phone": fields.CHECKED["phone"] | {"retired_on"}}
CHUNK = 20_000
LEFT_OUT = "rows that hang on what this import must not touch are left out"
Ids = dict[str, set[uuid.UUID]]  # by table
HISTORY = ("id", "resource_id", "resource_type", "last_action_type", "field_name", "previous_value",
           "replacement_value", "updated_by")  # fmt: skip


def put(
    session: Session, gathered: Gathered, *, by: str, trust: bool, confidential: bool, dry_run: bool, said: Said
) -> None:
    """Insert and update; or only count, as a dry run. Hidden rows are left as they are."""
    left: Ids = defaultdict(set)
    for model in MODELS:
        rows = gathered.rows[model]
        if not rows:
            continue
        new, other, history = list[Row](), list[Row](), list[tuple[Any, ...]]()
        before_all, single = here(session, model, list(rows), hidden=True), len(primary(model)) == 1
        if not confidential:
            rows = _touchable(gathered, model, before_all, left)
        unseen = set[Any]() if confidential else _unseen(session, model, before_all)
        for key, row in rows.items():
            before = before_all.get(key[0] if single else key)
            values = _as_trusted(model, row, before, trust=trust)
            if before and unseen:
                values = {n: v for n, v in values.items() if v is not None or before[n] not in unseen}
            if before and _same(before, values):
                gathered.report.unchanged += 1
            elif before is None:
                new.append(_complete(model, values))
            else:
                reset = () if trust else VERIFIED  # also what somebody verifies at this very moment
                changed = {n: v for n, v in values.items() if before[n] != v or n in reset}
                other.append({name: before[name] for name in primary(model)} | changed)
                history += _history(model, before, values, by)
        gathered.report.added += len(new)
        gathered.report.changed += len(other)
        if not dry_run:
            insert(session, model, _in_order(model, new))
            for names in dict.fromkeys(tuple(row) for row in other):
                _update(session, model, names, [row for row in other if tuple(row) == names])
            copy(session, FieldChange.__tablename__, HISTORY, history)
        said(f"{file_name(model)}: {len(rows)} rows")
    for model, rows_gone in gathered.gone.items():
        gathered.report.removed += len(rows_gone)
        if not dry_run:
            (_leave if model is ServiceAtLocation else _remove)(session, model, rows_gone, by)


def _touchable(gathered: Gathered, model: type[Base], before_all: Mapping[Any, Row], left: Ids) -> dict[Key, Row]:
    """The rows that are not hidden here and hang on nothing hidden. What hangs on one that is left out is left out too;
    a mere link to one that is not here (`left`, filled as it goes) is not made."""
    single, rows, table = len(primary(model)) == 1, gathered.rows[model], model.__tablename__
    kept = dict[Key, Row]()
    for key, row in rows.items():
        before = before_all.get(key[0] if single else key)
        if not is_secret(model, row, before, gathered.secret):
            kept[key] = row
        elif before is not None:
            gathered.report.unchanged += 1
        else:
            gathered.report.notes[f"{file_name(model)}: {LEFT_OUT}"] += 1
            left[table] |= {row["id"]} if "id" in row else set()
    if left[table]:
        gathered.secret.setdefault(table, set()).update(left[table])
    gone = {c.name: ids for c in columns(model) if is_loose(model, c.name) and (ids := left[str(target(c))])}
    return {key: _without(row, gone) for key, row in kept.items()} if gone else kept


def _without(row: Row, gone: Ids) -> Row:
    return {name: value for name, value in row.items() if value not in gone.get(name, ())}


def _leave(session: Session, model: type[Base], rows: list[Row], by: str) -> None:
    """A service is not given at a place any more: the place, and what hangs on it, stay for their history."""
    today = database_now(session).astimezone(DOMINICA).date()
    one: Any = model
    keys = [row["id"] for row in rows]
    session.execute(update(one).where(one.id.in_(keys)).values(retired_on=today))
    session.add_all(
        FieldChange(
            resource_id=key, resource_type=model.__tablename__, last_action_type="retire", field_name="retired_on",
            previous_value=None, replacement_value=codec.encode(today), updated_by=by,
        )
        for key in keys
    )  # fmt: skip
    session.flush()


def _remove(session: Session, model: type[Base], rows: list[Row], by: str) -> None:
    """Take rows away; the history keeps all that they said."""
    names = primary(model)
    table = model.__table__
    for row in rows:
        held = {name: codec.encode(value) for name, value in row.items() if value is not None}
        try:
            session.execute(delete(model).where(*(table.c[name] == row[name] for name in names)))
        except IntegrityFault:
            what = f"a row of {model.__tablename__} cannot be taken away: numbers, hours or contacts hang on it"
            raise InvalidInput(f"{what}; nothing was changed") from None
        session.add(
            FieldChange(
                resource_id=row[names[0]], resource_type=model.__tablename__, last_action_type="delete",
                field_name="*", previous_value=json.dumps(held),
                replacement_value=None, updated_by=by,
            )
        )  # fmt: skip
    session.flush()


def _unseen(session: Session, model: type[Base], rows: dict[Any, Row]) -> set[Any]:
    """Ids of what is hidden here and these rows point at. No file says so; the link is not thereby gone."""
    found = set[Any]()
    for column in columns(model):
        other = next((one for one in MODELS if one.__tablename__ == target(column)), None)
        if other is not None and is_loose(model, column.name):
            ids = {row[column.name] for row in rows.values()} - {None}
            found |= ids - public_ids(session, other, ids)
    return found


def insert(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """New rows that all name the same columns."""
    names = list(rows[0]) if rows else []
    copy(session, model.__tablename__, names, ([row[name] for name in names] for row in rows))


def copy(session: Session, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows into a table, by PostgreSQL's COPY: many times faster than INSERT."""
    if not names:
        return
    session.flush()
    driver: Any = session.connection().connection.driver_connection
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with _told(), driver.cursor() as cursor, cursor.copy(into) as stream:
        for row in rows:
            stream.write_row(row)


@contextmanager
def _told() -> Iterator[None]:
    """PostgreSQL's own words would quote the row; only the name of the rule goes out."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        rule = error.diag.constraint_name or error.diag.column_name or "about lengths and forms"
        raise InvalidInput(f"a row of {error.diag.table_name} breaks the rule {rule}; nothing was changed") from None


def _update(session: Session, model: type[Base], names: tuple[str, ...], rows: list[Row]) -> None:
    """These columns and no other (somebody may be editing), through a table beside it, in one statement."""
    table, keys = model.__tablename__, primary(model)
    beside = f"import_{table}"
    one = sql.Identifier
    settings: list[sql.Composable] = [sql.SQL("{0} = b.{0}").format(one(name)) for name in names if name not in keys]
    settings += [sql.SQL("updated_at = now()")] if "updated_at" in model.__table__.columns else []
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = b.{0}").format(one(key)) for key in keys)
    driver: Any = session.connection().connection.driver_connection
    columns_ = sql.SQL(", ").join(map(one, names))
    make = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
    driver.execute(make.format(one(beside), columns_, one(table)))
    copy(session, beside, names, ([row[name] for name in names] for row in rows))
    update = sql.SQL("UPDATE {} AS t SET {} FROM {} AS b WHERE {}")
    with _told():
        driver.execute(update.format(one(table), sql.SQL(", ").join(settings), one(beside), same))
    driver.execute(sql.SQL("DROP TABLE {}").format(one(beside)))


def _complete(model: type[Base], row: Row) -> Row:
    """The row with all columns: what it does not say, or leaves empty, is as for any new row."""
    return defaults(model) | {name: value for name, value in row.items() if value is not None}


_DEFAULTS: dict[type[Base], Row] = {}


def defaults(model: type[Base]) -> Row:
    """The value of each column that a row has when nothing is said."""
    if model not in _DEFAULTS:
        _DEFAULTS[model] = {column.name: _default(column) for column in columns(model)}
    return _DEFAULTS[model]


def _default(column: Any) -> Any:
    given: Any = column.server_default
    return None if given is None else cells.read(column, str(getattr(given.arg, "text", given.arg)))


def _same(before: Row, values: Row) -> bool:
    return all(before[name] == value for name, value in values.items())


def _as_trusted(model: type[Base], row: Row, before: Row | None, *, trust: bool) -> Row:
    """The row without states that the file has no say in. What is no longer what was verified, is not verified."""
    if trust or not set(VERIFIED) <= set(model.__table__.columns.keys()):
        return row
    values = {name: value for name, value in row.items() if name not in VERIFIED}
    fact = [name for name in FACT.get(model.__tablename__, ()) if before and name in row]
    if before and any(before[name] != row[name] for name in fact):
        values |= dict.fromkeys(VERIFIED)
        values |= {"demo": False} if before.get("demo") else {}
    return values


def _history(model: type[Base], before: Row, values: Row, by: str) -> list[tuple[Any, ...]]:
    """One row of history for each changed field (tables with one id)."""
    if len(primary(model)) != 1:
        return []
    return [
        (uuid.uuid4(), before["id"], model.__tablename__, "update", name, _text(before[name]), _text(value), by)
        for name, value in values.items()
        if before[name] != value
    ]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _in_order(model: type[Base], rows: list[Row]) -> list[Row]:
    """Those that are pointed at before those that point at them."""
    link = LOOPS.get(model.__tablename__)
    if link is None:
        return rows
    waiting, ordered = {row["id"]: row for row in rows}, list[Row]()
    while waiting:
        ready = [key for key, row in waiting.items() if row.get(link) not in waiting]
        ordered += [waiting.pop(key) for key in ready]
    return ordered
