"""Takes a folder of HSDS tables in: all is read and checked first, then written in the caller's one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.db import Base
from base.errors import InvalidInput
from directory.exchange import cells, tabular
from directory.exchange.tables import MODELS, OURS, VERIFIED, Row, columns, file_name, primary, target

BATCH = 1000  # rows in one statement; 30 columns each stay below PostgreSQL's 65,535 parameters
MOST_FAULTS = 200
FACT = {"phone": ("number", "extension", "channel"), "schedule": ("byday", "opens_at", "closes_at")}
LOOPS = {"organization": "parent_organization_id", "taxonomy_term": "parent_id", "service": "referred_by_id"}
Key = tuple[Any, ...]
Said = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What an import does, or would do, in rows. `faults`: sentences with file and line; then nothing is done."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, where: str, why: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(f"{where}: {why}")


def take_in(
    session: Session, folder: Path, *, dry_run: bool, trust: bool = False, said: Said = lambda _: None
) -> Report:
    """Import a folder of tables. With a fault, or as a dry run, nothing is changed.

    `trust`: verification states of the file count; else a number comes in as unverified, and a number that changes is
    unverified again. Rows that are confidential here are never changed and never reported on. `said` hears progress.
    """
    report = Report()
    if not folder.is_dir():
        raise InvalidInput("there is no such folder")
    found = {model: _read(folder, model, report) for model in MODELS}
    if not any(found.values()) and not report.faults:
        report.fault("the folder", "it has no table of the directory in it")
    _check_links(session, found, report)
    _check_loops(found, report)
    if report.faults:
        return report
    for model, rows in found.items():
        _put(session, model, rows, report, trust=trust, dry_run=dry_run)
        said(f"{file_name(model)}: {len(rows)} rows")
    return report


def _read(folder: Path, model: type[Base], report: Report) -> dict[Key, Row]:
    known, found = {column.name: column for column in columns(model)}, dict[Key, Row]()
    try:
        for number, line in tabular.lines(folder, model):
            where = f"{file_name(model)} line {number}"
            row = {name: _value(known[name], cell, f"{where}, {name}", report) for name, cell in line.items()}
            missing = [c.name for c in known.values() if c.name not in row and not c.nullable and not c.server_default]
            if missing:
                report.fault(where, f"these columns are needed: {', '.join(missing)}")
                break
            key = tuple(row[name] for name in primary(model))
            if key in found and None not in key:
                report.fault(where, "this id is there twice")
            found[key] = row
    except InvalidInput as error:
        report.fault("cannot be read", str(error))
    return found


def _value(column: Any, cell: str, where: str, report: Report) -> Any:
    try:
        return cells.read(column, cell)
    except ValueError as error:
        report.fault(where, str(error))
        return None


def _check_links(session: Session, found: dict[type[Base], dict[Key, Row]], report: Report) -> None:
    """Everything pointed at must be in the file, or here and not confidential."""
    tables: dict[str | None, type[Base]] = {model.__tablename__: model for model in found}
    for model, rows in found.items():
        for column in columns(model):
            table = target(column)
            if table is None:
                continue
            wanted = {row[column.name] for row in rows.values() if row.get(column.name)}
            missing = wanted - {key[0] for key in found[tables[table]]}
            missing -= _here(session, tables[table], [(one,) for one in missing], hidden=False).keys()
            for row in rows.values() if missing else ():
                if row.get(column.name) in missing:
                    report.fault(f"{file_name(model)}, {column.name}", f"{row[column.name]} is not in {table}")


def _check_loops(found: dict[type[Base], dict[Key, Row]], report: Report) -> None:
    for model in MODELS:
        link, done = LOOPS.get(model.__tablename__), set[Any]()
        for start in found[model] if link else ():
            path, at = set[Any](), start[0]
            while at and at not in done and at not in path:
                path.add(at)
                at = found[model].get((at,), {}).get(str(link))
            if at in path:
                report.fault(f"{file_name(model)}, {link}", f"{at} leads back to itself")
            done |= path


def _here(session: Session, model: type[Base], keys: list[Key], *, hidden: bool) -> dict[Any, Row]:
    """Rows that are here, by id (or by key). `hidden`: confidential ones too."""
    names, entity, found = primary(model), model.__table__, dict[Any, Row]()
    for start in range(0, len(keys), BATCH):
        ids = [key[0] for key in keys[start : start + BATCH]]
        for row in session.execute(select(entity).where(entity.c[names[0]].in_(ids))):
            values = dict(row._mapping)
            if hidden or not values.get("confidential"):
                found[values[names[0]] if len(names) == 1 else tuple(values[n] for n in names)] = values
    return found


def _put(
    session: Session, model: type[Base], rows: dict[Key, Row], report: Report, *, trust: bool, dry_run: bool
) -> None:
    here, single = _here(session, model, list(rows), hidden=True), len(primary(model)) == 1
    new, other = list[Row](), list[Row]()
    for key, row in rows.items():
        before = here.get(key[0] if single else key)
        values = _as_trusted(model, row, before, trust=trust)
        if before is None:
            new.append(values)
        elif before.get("confidential") or all(before[name] == value for name, value in values.items()):
            report.unchanged += 1
        else:
            other.append({name: before[name] for name in before if name not in OURS} | values)
    report.added += len(new)
    report.changed += len(other)
    for chunk in () if dry_run else (*_chunks(_in_order(model, new)), *_chunks(other)):
        _write(session, model, chunk)


def _as_trusted(model: type[Base], row: Row, before: Row | None, *, trust: bool) -> Row:
    """The row without states that the file has no say in. What is no longer what was verified, is not verified."""
    if trust or not set(VERIFIED) <= set(model.__table__.columns.keys()):
        return row
    values = {name: value for name, value in row.items() if name not in VERIFIED}
    fact = [name for name in FACT.get(model.__tablename__, ()) if before and name in row]
    if before and any(before[name] != row[name] for name in fact):
        values |= dict.fromkeys(VERIFIED)
    return values


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


def _chunks(rows: list[Row]) -> Iterator[list[Row]]:
    """At most BATCH rows that name the same columns."""
    for shape in dict.fromkeys(tuple(row) for row in rows):
        same = [row for row in rows if tuple(row) == shape]
        yield from (same[start : start + BATCH] for start in range(0, len(same), BATCH))


def _write(session: Session, model: type[Base], rows: list[Row]) -> None:
    new = insert(model).values(rows)
    keys = primary(model)
    changed: dict[str, Any] = {name: new.excluded[name] for name in rows[0] if name not in keys}
    if "updated_at" in model.__table__.columns:
        changed["updated_at"] = func.now()
    session.execute(new.on_conflict_do_update(index_elements=keys, set_=changed) if changed else new)
