"""The time of a report: one calendar month of Dominica that is over. Months do not overlap, so no two reports can be
subtracted; a month that still runs could be asked for today and tomorrow, and is not told."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from base.clock import DOMINICA
from base.errors import InvalidInput

SETTLES = timedelta(days=3)
OLDEST_YEARS = 5


@dataclass(frozen=True)
class Month:
    """A month, by its first day."""

    first: date

    @property
    def next(self) -> "Month":
        return Month((self.first + timedelta(days=31)).replace(day=1))

    @property
    def before(self) -> "Month":
        return Month((self.first - timedelta(days=1)).replace(day=1))

    @property
    def last(self) -> date:
        return self.next.first - timedelta(days=1)

    @property
    def begins(self) -> datetime:
        return datetime(self.first.year, self.first.month, 1, tzinfo=DOMINICA)

    @property
    def ends(self) -> datetime:
        return self.next.begins

    @property
    def code(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def name(self) -> str:
        return f"{self.first:%B %Y}"

    def weeks(self) -> list[tuple[str, date, date]]:
        """Days 1 to 7, 8 to 14 and so on, within the month."""
        found, begin = [], self.first
        while begin <= self.last:
            end = min(begin + timedelta(days=6), self.last)
            found.append((f"{begin.day}-{end.day} {begin:%b}", begin, end))
            begin = end + timedelta(days=1)
        return found


def month(text: str | None, today: date) -> Month:
    """`2026-11`; without, the newest one that is told. InvalidInput for another form, for a month that is not over, or
    was long ago. A month is told `SETTLES` after its end: what was begun on its last day is mostly done by then."""
    newest = Month((today - SETTLES).replace(day=1)).before
    if not text:
        return newest
    if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", text):
        raise InvalidInput("a month is written like 2026-11")
    found = Month(date(int(text[:4]), int(text[5:]), 1))
    if found.first > newest.first:
        raise InvalidInput(f"a month is told {SETTLES.days} days after it is over")
    if found.first.year < today.year - OLDEST_YEARS:
        raise InvalidInput(f"at most {OLDEST_YEARS} years back")
    return found
