"""The column `more` of the sheet: what the other columns cannot show of a service, so that a round trip loses none.

It is JSON: the service's other fields, texts in other languages, costs, rules with dates, and, by what is dialled or
by the rule, who checked a number or hour and where it is from. Ids are left out.
"""

import json
from collections.abc import Sequence
from typing import Any

from base.db import Base
from directory import models as m
from directory.exchange import cells, words
from directory.exchange.put import defaults
from directory.exchange.sheet_columns import TEXTS
from directory.exchange.tables import Row, columns, target

ELSEWHERE = {*TEXTS.values(), "id", "status", "minimum_age", "maximum_age", "national", "open_to_migrants",
             "source_year", "source_date", "confidential"}  # fmt: skip
SOURCE = ("source", "source_year", "source_date")
CHECKED = (*SOURCE, "verified_by", "verified_on", "next_check_due")
BESIDE: dict[type[Base], tuple[str, ...]] = {
    m.Phone: CHECKED,
    m.Schedule: (*CHECKED, "description", "notes", "schedule_link", "attending_type", "wkst", "timezone"),
}
WHOLE: tuple[type[Base], ...] = (m.ServiceText, m.CostOption, m.Schedule)
EXPECTED = "what the export wrote, or nothing"


def written(service: Row, held: dict[type[Base], list[Row]]) -> str:
    """The cell of a service; empty when the other columns say all."""
    found: dict[str, Any] = {"service": _fields(m.Service, service)}
    for model in WHOLE:
        rows = [row for row in held[model] if model is not m.Schedule or not words.sayable(row)]
        found[model.__tablename__] = sorted({content(model, row): _fields(model, row) for row in rows}.items())
        found[model.__tablename__] = [row for _, row in found[model.__tablename__]]
    for model in BESIDE:
        beside = {about(model, row): one for row in _shown(model, held[model]) if (one := _beside(model, row, service))}
        found[f"{model.__tablename__}_beside"] = dict(sorted(beside.items()))
    return _dumped({name: part for name, part in found.items() if part})


def _dumped(found: dict[str, Any]) -> str:
    """Signs and spaces that a cell would lose are escaped."""
    text = json.dumps(found, separators=(",", ":")).replace("\x7f", "\\u007f").replace("_x", "\\u005fx")
    return text if found else ""


def _shown(model: type[Base], rows: Sequence[Row]) -> list[Row]:
    rows = [row for row in rows if model is m.Phone or words.sayable(row)]
    return sorted(rows, key=lambda row: row["id"], reverse=True)  # of two that are the same, the first id's counts


def about(model: type[Base], row: Row) -> str:
    """What a number or a rule of the other columns is known by."""
    if model is m.Phone:
        return f"{row['number']} {row['extension'] or ''} {row['channel']}"
    days = ",".join(sorted(row["byday"].split(",")))
    return " ".join(str(one) for one in (row["freq"], days, row["opens_at"], row["closes_at"], row["on_holidays"]))


def _beside(model: type[Base], row: Row, service: Row) -> dict[str, str]:
    """What a new row would not have by itself: it takes its source from the service."""
    year = service["source_date"].year if service["source_date"] else service["source_year"]
    own = {"source": words.tidy(service["source"] or "") or None, "source_year": year}
    own |= {"source_date": service["source_date"]}
    plain = defaults(model) | own
    return {name: cells.written(row[name]) for name in BESIDE[model] if row[name] != plain[name]}


def _names(model: type[Base]) -> list[str]:
    skipped = ELSEWHERE if model is m.Service else {"id"}
    return [one.name for one in columns(model) if one.name not in skipped and target(one) is None]


def _fields(model: type[Base], row: Row) -> dict[str, str]:
    plain = defaults(model)
    return {name: cells.written(row[name]) for name in _names(model) if row[name] != plain[name]}


def content(model: type[Base], row: Row) -> str:
    """A row without its ids: two of the same content are one. A translation is known by field and language."""
    if model is m.ServiceText:
        return f"{row['field']} {row['language']}"
    return json.dumps(_fields(model, defaults(model) | row), sort_keys=True)


def read(cell: str) -> dict[str, Any]:
    """The cell's parts, as they were written. Raises ValueError with a sentence."""
    try:
        found = json.loads(cell)
        parts: dict[str, Any] = {"service": _values(m.Service, found.pop("service", {}), _names(m.Service))}
        for model in WHOLE:
            rows = found.pop(model.__tablename__, [])
            parts[model.__tablename__] = [_row(model, row) for row in rows]
        for model, names in BESIDE.items():
            name = f"{model.__tablename__}_beside"
            parts[name] = {key: _values(model, one, names) for key, one in found.pop(name, {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"is not what an export writes; expected: {EXPECTED}") from None
    if found:
        raise ValueError(f"is not what an export writes; expected: {EXPECTED}")
    return parts


def _row(model: type[Base], given: dict[str, str]) -> Row:
    row = defaults(model) | _values(model, given, _names(model))
    return {name: row[name] for name in _names(model)}


def _values(model: type[Base], given: dict[str, str], known: Sequence[str]) -> Row:
    table = {column.name: column for column in columns(model)}
    if not set(given) <= set(known):
        raise ValueError
    return {name: cells.reader(model, table[name])(text) for name, text in given.items()}


def made(rows: Sequence[tuple[type[Base], Row]], model: type[Base], here: Sequence[Row]) -> list[Row]:
    """The rows of a table that this service will have: those here, and those to be written, whole."""
    now = {row["id"]: row for row in here}
    for kind, row in rows:
        if kind is model:
            now[row["id"]] = now.get(row["id"], defaults(model)) | row
    return list(now.values())
