"""A value of the directory as the text of one cell, and back."""

import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import Column

FORMULA = ("=", "+", "-", "@", "\t", "\r")
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


def read(column: Column[Any], cell: str) -> Any:
    """The value of a cell for this column. Raises ValueError with a sentence for the person who wrote the file."""
    kind = column.type.python_type
    if cell == "":
        if column.nullable or kind is str:
            return None if column.nullable else ""
        raise ValueError("must not be empty")
    if "\x00" in cell:
        raise ValueError("holds a sign that is no text")
    if kind is str:
        return _text(cell)
    try:
        return BOOLEANS[cell.lower()] if kind is bool else _parse(kind, cell)
    except (ValueError, ArithmeticError, KeyError):
        raise ValueError(f"must be {KINDS.get(kind, 'true or false')}") from None


def _parse(kind: type[Any], cell: str) -> Any:
    value = kind.fromisoformat(cell) if issubclass(kind, date | time) else kind(cell)
    if isinstance(value, int) and abs(value) > 32_767:
        raise ValueError
    return value


def _text(cell: str) -> str:
    if cell.startswith("'") and cell[1:].startswith((*FORMULA, "'")):
        return cell[1:]
    if cell.startswith(("=", "@")):
        raise ValueError("is a formula; write the text itself")
    return cell
