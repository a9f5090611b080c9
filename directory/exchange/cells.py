"""A value of the directory as the text of one cell, and back."""

import math
import uuid
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import Column

from base.clock import DOMINICA
from base.db import Base
from directory.exchange import rules

# OWASP's list (CSV injection): some programs also take the full-width signs for the same.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
SMALLEST_MOST = 32_767  # PostgreSQL's smallint
BOOLEANS = {"true": True, "false": False}
KINDS = {uuid.UUID: "an id (UUID)", int: "a whole number", float: "a number", Decimal: "an amount",
         date: "a date (2026-11-23)", datetime: "a date and time", time: "a time (08:00)"}  # fmt: skip


def written(value: Any) -> str:
    """The cell's text. Text that a spreadsheet could take for a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith((*FORMULA, "'")) else value
    return value.isoformat() if isinstance(value, date | time) else str(value)


def reader(model: type[Base], column: Column[Any]) -> Callable[[str], Any]:
    """A function from a cell to this column's value. It raises ValueError with a sentence for who wrote the file."""
    kind, check = column.type.python_type, rules.for_column(model, column)
    empty, may_be_empty = (None if column.nullable else ""), column.nullable or kind is str
    parse = _parser(kind)

    def value_of(cell: str) -> Any:
        if cell == "":
            if may_be_empty and not (check and empty == ""):
                return empty
            raise ValueError("must not be empty")
        if "\x00" in cell:
            raise ValueError("holds a sign that is no text")
        value = parse(cell)
        return check(value) if check else value

    return value_of


def read(column: Column[Any], cell: str) -> Any:
    """The value of a cell for this column, by its type alone."""
    if cell == "":
        return None if column.nullable else ""
    return _parser(column.type.python_type)(cell)


def _parser(kind: type[Any]) -> Callable[[str], Any]:
    if kind is str:
        return _text

    def parse(cell: str) -> Any:
        try:
            return BOOLEANS[cell.lower()] if kind is bool else _parse(kind, cell)
        except (ValueError, ArithmeticError, KeyError):
            raise ValueError(f"must be {KINDS.get(kind, 'true or false')}") from None

    return parse


def _parse(kind: type[Any], cell: str) -> Any:
    value = kind.fromisoformat(cell) if issubclass(kind, date | time) else kind(cell)
    if isinstance(value, int) and abs(value) > SMALLEST_MOST:
        raise ValueError
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError
    if isinstance(value, time):
        return _in_dominica(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=DOMINICA)
    return value


def _in_dominica(value: time) -> time:
    """A time with another offset than ours, by our clocks; it must stay on the same day."""
    if value.tzinfo is None:
        return value
    day = datetime.combine(date(2026, 1, 2), value).astimezone(DOMINICA)
    if day.day != 2:
        raise ValueError
    return day.time()


def text(cell: str) -> str:
    """A cell's text as it was before `written`. A formula is refused with a ValueError."""
    return _text(cell) if cell else ""


def _text(cell: str) -> str:
    if cell[0] == "'" and cell[1:].startswith((*FORMULA, "'")):
        return cell[1:]
    if cell[0] in "=@":
        raise ValueError("is a formula; write the text itself")
    return cell
