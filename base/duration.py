"""Durations as an operator writes them in config.yml: `30 s`, `5 min`, `24 h`, `30 d`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_SHAPE = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")


def parse(text: str) -> timedelta:
    """`"5 min"` -> timedelta; ValueError with the accepted forms otherwise."""
    match = _SHAPE.fullmatch(text.strip())
    if not match:
        raise ValueError("a duration is written like '30 s', '5 min', '24 h' or '30 d'")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def _read(value: Any) -> Any:
    return parse(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_read)]
