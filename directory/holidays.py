"""Public holidays of Dominica, from `data/holidays.yml`."""

from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from directory.hours import DAYS

HOLIDAYS = Path(__file__).parent / "data" / "holidays.yml"
SUNDAY = 6


class PublicHolidays:
    """A container of dates: `day in PublicHolidays()`."""

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in holidays(day.year)


@lru_cache(maxsize=64)
def holidays(year: int) -> dict[date, str]:
    """The holidays of a year with their names. One on a Sunday is kept on the next free day."""
    rules = _rules()
    dates = sorted((_date(rule, year), rule["name"]) for rule in rules["rules"])
    kept: dict[date, str] = {}
    for day, name in dates:
        moved = day
        while rules["sunday_moves"] and (moved.weekday() == SUNDAY or moved in kept):
            moved += timedelta(days=1)
        kept[moved] = name
    kept |= {_day(written): name for written, name in rules["declared"].items() if _day(written).year == year}
    return kept


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, f = b // 4, b % 4, (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def _date(rule: dict[str, Any], year: int) -> date:
    if "easter" in rule:
        return easter(year) + timedelta(days=rule["easter"])
    if "nth" in rule:
        first = date(year, rule["month"], 1)
        ahead = (DAYS.index(rule["weekday"]) - first.weekday()) % 7
        return first + timedelta(days=ahead + 7 * (rule["nth"] - 1))
    return date(year, rule["month"], rule["day"])


def _day(written: date | str) -> date:
    return written if isinstance(written, date) else date.fromisoformat(written)


@lru_cache(maxsize=1)
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load(HOLIDAYS.read_text(encoding="utf-8"))
    return rules
