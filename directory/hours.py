"""Whether something is open, from schedules in HSDS's form. No database and no clock: the instant comes in.

Rules (HSDS 3.1 `schedule`, and the profile where HSDS says nothing):
- A schedule is one recurrence and one interval; a day with a lunch break has two.
- No schedule at all, or only ones that have ended (`valid_to`, or `until`, the last day of the recurrence), means
  unknown, never closed.
- `closes_at` at or before `opens_at` is on the next day; 23:59 is the end of the day (HSDS's way to write 24 hours).
- On a public holiday a schedule says whether it is open, closed or unknown.
- `count`, `byweekno`, `byyearday` and rules that cannot be read are unknown.
"""

import calendar
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

from base.clock import DOMINICA

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAY = timedelta(days=1)
END_OF_DAY = time(23, 59)
_BYDAY = re.compile(r"([+-]?[0-9]+)?(MO|TU|WE|TH|FR|SA|SU)")


class Opening(Protocol):
    """What is read of a schedule; `directory.models.Schedule` is one."""

    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_to(self) -> date | None: ...
    @property
    def dtstart(self) -> date | None: ...
    @property
    def until(self) -> date | None: ...
    @property
    def count(self) -> int | None: ...
    @property
    def freq(self) -> str: ...
    @property
    def interval(self) -> int: ...
    @property
    def wkst(self) -> str | None: ...
    @property
    def byday(self) -> str | None: ...
    @property
    def bymonthday(self) -> str | None: ...
    @property
    def byweekno(self) -> str | None: ...
    @property
    def byyearday(self) -> str | None: ...
    @property
    def opens_at(self) -> time | None: ...
    @property
    def closes_at(self) -> time | None: ...
    @property
    def on_holidays(self) -> str: ...


@dataclass(frozen=True, slots=True)
class OpenDays:
    """Days (0 is Monday) that share the same intervals, for a reply to put into words. `when` is "1MO" or "" (weekly).

    An interval is (opens, closes); (00:00, 00:00) is the whole day.
    """

    days: tuple[int, ...]
    intervals: tuple[tuple[time, time], ...]
    when: str = ""


def open_at(schedules: Iterable[Opening], instant: datetime, holidays: Container[date]) -> bool | None:
    """True or False when the schedules tell, None when they do not. `instant` is aware."""
    local = instant.astimezone(DOMINICA).replace(tzinfo=None)
    today, yesterday = local.date(), local.date() - DAY
    rules = list(schedules)
    answers = {_open(s, today, local, holidays) for s in rules if _valid(s, today)}
    answers |= {_open(s, yesterday, local, holidays) for s in rules if _valid(s, yesterday)} - {"closed"}
    if "open" in answers:
        return True
    return None if not answers or "unknown" in answers else False


def weekly(schedules: Iterable[Opening], day: date) -> tuple[OpenDays, ...]:
    """The opening hours valid on `day`, grouped by days with the same intervals. Empty: unknown."""
    by_day: dict[tuple[str, int], list[tuple[time, time]]] = {}
    for schedule in schedules:
        if _valid(schedule, day) and schedule.opens_at is not None and schedule.closes_at is not None:
            interval = (schedule.opens_at, _shown(schedule.closes_at))
            for when, number in _days_of(schedule):
                by_day.setdefault((when, number), []).append(interval)
    groups: dict[tuple[str, tuple[tuple[time, time], ...]], list[int]] = {}
    for (when, number), intervals in sorted(by_day.items()):
        groups.setdefault((when, tuple(sorted(set(intervals)))), []).append(number)
    return tuple(OpenDays(tuple(days), intervals, when) for (when, intervals), days in groups.items())


def _open(schedule: Opening, day: date, local: datetime, holidays: Container[date]) -> str:
    """What the occurrence that starts on `day` says about `local`: open, closed or unknown."""
    happens = occurs(schedule, day)
    if happens is False:
        return "closed"
    inside = _inside(schedule, day, local)
    if inside is False:
        return "closed"
    if happens is None or inside is None:
        return "unknown"
    return schedule.on_holidays if day in holidays else "open"


def _valid(schedule: Opening, day: date) -> bool:
    after = schedule.valid_from is None or schedule.valid_from <= day
    return after and all(last is None or day <= last for last in (schedule.valid_to, schedule.until))


def _inside(schedule: Opening, day: date, local: datetime) -> bool | None:
    if schedule.opens_at is None or schedule.closes_at is None:
        return None if day == local.date() else False
    opens, closes = datetime.combine(day, schedule.opens_at), datetime.combine(day, _shown(schedule.closes_at))
    if closes <= opens:
        closes += DAY
    return opens <= local < closes


def _shown(closes: time) -> time:
    return time(0) if closes.replace(second=0, microsecond=0) == END_OF_DAY else closes


def occurs(schedule: Opening, day: date) -> bool | None:
    """Whether the recurrence falls on `day`; None when the rule is one we do not read."""
    start = schedule.dtstart
    if start is not None and day < start:
        return False
    if schedule.count is not None or schedule.byweekno or schedule.byyearday:
        return None
    days, month_days = _byday(schedule.byday), _numbers(schedule.bymonthday)
    if days is None or month_days is None or (start is None and (schedule.interval != 1 or not (days or month_days))):
        return None
    if schedule.freq == "WEEKLY":
        return _weekly(schedule, days, month_days, day)
    return _monthly(schedule, days, month_days, day) if schedule.freq == "MONTHLY" else None


def _weekly(schedule: Opening, days: Sequence[tuple[int, int]], month_days: Sequence[int], day: date) -> bool | None:
    start = schedule.dtstart
    if month_days or any(nth for nth, _ in days):
        return None
    wanted = {number for _, number in days} or ({start.weekday()} if start else set())
    return day.weekday() in wanted and _nth_week(schedule, day)


def _nth_week(schedule: Opening, day: date) -> bool:
    if schedule.dtstart is None or schedule.interval == 1:
        return True
    first = DAYS.index(schedule.wkst or "MO")
    weeks = (_week_start(day, first) - _week_start(schedule.dtstart, first)).days // 7
    return weeks % schedule.interval == 0


def _week_start(day: date, first: int) -> date:
    return day - timedelta(days=(day.weekday() - first) % 7)


def _monthly(schedule: Opening, days: Sequence[tuple[int, int]], month_days: Sequence[int], day: date) -> bool:
    start = schedule.dtstart
    if start is not None:
        months = (day.year - start.year) * 12 + day.month - start.month
        if months % schedule.interval:
            return False
        if not days and not month_days:
            return day.day == start.day
    last = calendar.monthrange(day.year, day.month)[1]
    if month_days and day.day not in month_days and day.day - last - 1 not in month_days:
        return False
    return not days or any(_is_nth(nth, number, day, last) for nth, number in days)


def _is_nth(nth: int, number: int, day: date, last: int) -> bool:
    if day.weekday() != number:
        return False
    return nth in {0, (day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1)}


def _days_of(schedule: Opening) -> list[tuple[str, int]]:
    """The days of a rule as (when, weekday); rules about numbers of the month are left to words."""
    days = _byday(schedule.byday)
    if days is None or schedule.bymonthday or schedule.interval != 1:
        return []
    return [(f"{nth}{DAYS[number]}" if nth else "", number) for nth, number in days]


def _byday(text: str | None) -> list[tuple[int, int]] | None:
    """ "MO,2TU" as [(0, 0), (2, 1)]; None when it cannot be read."""
    parts = [_BYDAY.fullmatch(part.strip().upper()) for part in text.split(",")] if text else []
    if not all(parts):
        return None
    return [(int(m[1] or 0), DAYS.index(m[2])) for m in parts if m]


def _numbers(text: str | None) -> list[int] | None:
    try:
        return [int(part) for part in text.split(",")] if text else []
    except ValueError:
        return None
