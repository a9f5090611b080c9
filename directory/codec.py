"""Values of the directory's columns as the text the history keeps, and back. One form for each type, so that a value
put back is the value that was there."""

import math
import uuid
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Column

from base.errors import InvalidInput

FALSE, TRUE = "false", "true"
FORMS = {
    bool: "yes or no", date: "a date as 2026-11-24", time: "a time as 08:30", datetime: "a date and time",
    int: "a whole number", float: "a number", Decimal: "a number", uuid.UUID: "the id of a row",
}  # fmt: skip
_BOOL = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}


def encode(value: Any) -> str | None:
    """The text of a value; None for none. Times are HH:MM (with seconds only where there are some)."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, time):
        return value.isoformat("seconds" if value.second else "minutes")
    if isinstance(value, date | datetime):
        return value.isoformat()
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def decode(column: Column[Any], given: Any) -> Any:
    """A value for a column from text, or a value of the right type as it is. InvalidInput in plain words; the message
    names the field and never the value, which may be confidential."""
    kind: type[Any] = column.type.python_type
    value = given.strip() if isinstance(given, str) else given
    if value is None or value == "":
        return _nothing(column, kind)
    if kind is not str and isinstance(value, str):
        value = _read(column.name, kind, value)
    if kind in {float, Decimal} and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = kind(str(value))
    if type(value) is not kind or (isinstance(value, float | Decimal) and not math.isfinite(value)):
        raise InvalidInput(f"{column.name} must be {FORMS.get(kind, 'a text')}")
    return value


def _nothing(column: Column[Any], kind: type[Any]) -> Any:
    if column.nullable:
        return None
    if kind is str and column.server_default is not None and str(getattr(column.server_default, "arg", "?")) == "":
        return ""
    raise InvalidInput(f"{column.name} must not be empty")


def _read(name: str, kind: type[Any], text: str) -> Any:
    readers: dict[type[Any], Callable[[str], Any]] = {
        bool: lambda word: _BOOL[word.lower()], date: date.fromisoformat, time: time.fromisoformat,
        datetime: datetime.fromisoformat, uuid.UUID: uuid.UUID, Decimal: Decimal,
    }  # fmt: skip
    try:
        return readers.get(kind, kind)(text)
    except (ValueError, KeyError, InvalidOperation):
        raise InvalidInput(f"{name} must be {FORMS.get(kind, 'another value')}") from None
