"""HSDS tabular data: a folder with one CSV file for each table, and datapackage.json."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.orm import Session

from base.db import Base
from base.errors import InvalidInput
from directory.exchange.cells import written
from directory.exchange.tables import MODELS, columns, file_name, public_rows, target

LARGEST = 200 * 1024 * 1024  # bytes of one file; 100,000 services have less than that
LONGEST_CELL = 100_000

Line = tuple[int, dict[str, str]]


def export(session: Session, folder: Path) -> int:
    """Write what is public into an empty or new folder. Returns the number of rows."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput("the folder to export to is not empty")
    rows = public_rows(session)
    folder.mkdir(parents=True, exist_ok=True)
    for model, found in rows.items():
        with (folder / file_name(model)).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
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


def lines(folder: Path, model: type[Base]) -> Iterator[Line]:
    """(line number, cells) of the table's file, if there is one. Raises InvalidInput with the file and line."""
    path = folder / file_name(model)
    if not path.exists():
        return
    if path.stat().st_size > LARGEST:
        raise InvalidInput(f"{path.name} is larger than {LARGEST // 1024**2} MB")
    csv.field_size_limit(LONGEST_CELL)
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_head(path.name, model, list(reader.fieldnames or ()))
            for row in reader:
                number = reader.line_num
                if None in row or None in row.values():
                    raise InvalidInput(f"{path.name} line {number}: it has not as many cells as the first line")
                yield number, row
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "it is not a CSV file"
        raise InvalidInput(f"{path.name} after line {number}: {why}") from None


def _check_head(name: str, model: type[Base], head: list[str]) -> None:
    known = {column.name for column in columns(model)}
    unknown = [one[:40] for one in head if one not in known]
    if unknown or len(set(head)) != len(head) or not head:
        raise InvalidInput(f"{name}: {len(unknown)} unknown columns, or a column twice; known: {', '.join(known)}")
