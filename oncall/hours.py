"""Hours of the week in words, `Mon-Fri 08:00-16:00, Sat 18:00-06:00`, in Dominica's time. No clock, no database.

An interval that ends at or before its beginning ends on the next day; 24:00 is the end of the day.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from base.clock import DOMINICA
from base.errors import ConfigError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
FURTHEST = 60  # days that are looked at for the next opening
_PART = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? ([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")


@dataclass(frozen=True)
class Spell:
    """From `start` to `end`, both aware, the end not included."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Week:
    """Per weekday (0 is Monday) the intervals that begin on it, in minutes after midnight."""

    days: tuple[tuple[tuple[int, int], ...], ...]

    def spells(self, start: datetime, end: datetime, holidays: Container[date] = ()) -> Iterator[Spell]:
        """The intervals that touch [start, end), cut to it, in order. None begins on a holiday."""
        day = start.astimezone(DOMINICA).date() - DAY
        while day <= end.astimezone(DOMINICA).date():
            for opens, closes in self.days[day.weekday()] if day not in holidays else ():
                midnight = datetime.combine(day, time(0), DOMINICA)
                first = max(midnight + timedelta(minutes=opens), start)
                last = min(midnight + timedelta(minutes=closes), end)
                if first < last:
                    yield Spell(first, last)
            day += DAY

    def open_at(self, at: datetime, holidays: Container[date] = ()) -> bool:
        """Whether an interval holds this moment."""
        return any(True for _ in self.spells(at, at + timedelta(microseconds=1), holidays))

    def next_open(self, at: datetime, holidays: Container[date] = ()) -> datetime:
        """`at` itself when it is inside, else the next beginning; `at` when there is none for two months."""
        ahead = self.spells(at, at + FURTHEST * DAY, holidays)
        return min((spell.start for spell in ahead), default=at)


@lru_cache(maxsize=64)
def week(words: str) -> Week:
    """Read hours in words; ConfigError when they cannot be read."""
    days: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in words.lower().split(","):
        match = _PART.fullmatch(" ".join(part.split()))
        if not match or match[1] not in DAYS or (match[2] or match[1]) not in DAYS:
            raise ConfigError("hours are written like 'Mon-Fri 08:00-16:00, Sat 09:00-12:00'")
        opens, closes = (int(match[n]) * 60 + int(match[n + 1]) for n in (3, 5))
        if max(opens, closes) > 24 * 60:
            raise ConfigError("hours end at 24:00 at the latest")
        first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
        for ahead in range((last - first) % 7 + 1):
            days[(first + ahead) % 7].append((opens, closes if closes > opens else closes + 24 * 60))
    return Week(tuple(tuple(sorted(day)) for day in days))
