"""HSDS tabular data: a folder with one CSV file for each table, and datapackage.json."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.orm import Session

from base.db import Base
from base.errors import InvalidInput
from directory.exchange import cells
from directory.exchange.cells import written
from directory.exchange.gathered import Gathered
from directory.exchange.report import Fault, Report, Said
from directory.exchange.tables import MODELS, Row, columns, file_name, rows_to_export, target

EVERY = 20_000  # lines between two words of progress
LARGEST = 200 * 1024 * 1024  # bytes of one file; 100,000 services have less than that
LONGEST_CELL = 100_000
MOST_NAMED = 5  # unknown columns in one sentence

OTHERS = {  # of the standard; this directory has no place for them
    "metadata", "meta_table_descriptions",
}  # fmt: skip
NOT_KEPT = {
    "tax_status", "tax_id", "wait_time", "fees", "licenses", "external_identifier", "external_identifier_type",
    "phone_id", "taxonomy",
}  # fmt: skip


def export(session: Session, folder: Path, *, confidential: bool = False) -> int:
    """Write what is public (`confidential`: all) into an empty or new folder. Returns the number of rows."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput("the folder to export to is not empty")
    rows = rows_to_export(session, confidential=confidential)
    folder.mkdir(parents=True, exist_ok=True)
    for model, found in rows.items():
        with (folder / file_name(model)).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)  # RFC 4180; a cell that holds a line end of any kind is quoted
            writer.writerow([column.name for column in columns(model)])
            writer.writerows([[written(value) for value in row.values()] for row in found])
    (folder / "datapackage.json").write_text(json.dumps(_package(), indent=1) + "\n", encoding="utf-8")
    return sum(map(len, rows.values()))


def _package() -> dict[str, object]:
    return {"name": "koudmen-directory", "profile": "tabular-data-package", "resources": [_resource(m) for m in MODELS]}


def _resource(model: type[Base]) -> dict[str, object]:
    fields = [{"name": c.name, "constraints": {"required": not c.nullable}} for c in columns(model)]
    links = [
        {"fields": c.name, "reference": {"resource": target(c), "fields": "id"}} for c in columns(model) if target(c)
    ]
    schema = {"fields": fields, "foreignKeys": links}
    return {"name": model.__tablename__, "path": file_name(model), "encoding": "utf-8", "schema": schema}


def read(folder: Path, gathered: Gathered, said: Said) -> None:
    """All tables of a folder. A file's faults are told together; the other files are still read."""
    if not folder.is_dir():
        raise InvalidInput("it is a file; this form is a folder")
    for path in folder.glob("*.csv"):
        if path.stem in OTHERS:
            gathered.report.notes[f"{path.name}: this directory has no such table; left out"] += 1
    for model in MODELS:
        found = _path(folder, model)
        try:
            if found is not None:
                _read_table(found, model, gathered, said)
        except InvalidInput as error:
            gathered.report.fault(Fault("cannot be read", str(error)))


def _path(folder: Path, model: type[Base]) -> Path | None:
    """The table's file, by the standard's name or by the table's own."""
    names = (file_name(model), f"{model.__tablename__}.csv")
    return next((folder / name for name in names if (folder / name).exists()), None)


def _read_table(path: Path, model: type[Base], gathered: Gathered, said: Said) -> None:
    report, rows = gathered.report, _lines(path)
    head = next(rows)[1]
    _check_head(path.name, model, head, report)
    known = {column.name: cells.reader(model, column) for column in columns(model)}
    reads = [(at, name, known[name]) for at, name in enumerate(head) if name in known]
    needed = [c.name for c in columns(model) if c.name not in head and not c.nullable and not c.server_default]
    if needed:
        report.fault(Fault(path.name, f"these columns are needed: {', '.join(needed)}", 1))
        return
    for number, line in rows:
        if len(line) != len(head):
            raise InvalidInput(f"{path.name} line {number}: it has not as many cells as the first line")
        row: Row = {}
        for at, name, value_of in reads:
            try:
                row[name] = value_of(line[at])
            except ValueError as error:
                report.fault(Fault(path.name, str(error), number, name))
        if len(row) == len(reads):
            gathered.add(model, row, path.name, number)
        if number % EVERY == 0:
            said(f"{path.name}: {number} lines read")


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of a file. Raises InvalidInput with the file and line."""
    if path.stat().st_size > LARGEST:
        raise InvalidInput(f"{path.name} is larger than {LARGEST // 1024**2} MB")
    csv.field_size_limit(LONGEST_CELL)
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for line in reader:
                number = reader.line_num
                if line:
                    yield number, line
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "it is not a CSV file"
        raise InvalidInput(f"{path.name} after line {number}: {why}") from None
    if number == 1 and path.stat().st_size == 0:
        raise InvalidInput(f"{path.name}: it is empty")


def _check_head(name: str, model: type[Base], head: list[str], report: Report) -> None:
    known = {column.name for column in columns(model)}
    for one in NOT_KEPT & set(head):
        report.notes[f"{name}, {one}: this directory has no such field; left out"] += 1
    unknown = [one for one in head if one not in known | NOT_KEPT]
    if not unknown and len(set(head)) == len(head):
        return
    shown = ", ".join(repr(one[:40]) for one in unknown[:MOST_NAMED])
    wrong = f"{len(unknown)} unknown columns ({shown})" if unknown else "a column is there twice"
    raise InvalidInput(f"{name}: {wrong}; known: {', '.join(sorted(known))}")
