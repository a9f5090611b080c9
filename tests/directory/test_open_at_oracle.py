"""open_at over a year, against an independent reader of iCalendar (recurring-ical-events).

Generated schedules become VEVENTs; public holidays become EXDATEs; the oracle says which events hold an instant. What
iCalendar cannot say (hours unknown, a holiday unknown) is its own state and is tested beside it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache

import icalendar
import recurring_ical_events  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st

from base.clock import DOMINICA
from directory.holidays import PublicHolidays, holidays
from directory.hours import DAYS, open_at
from directory.openings import Opens

YEAR = 2026
FIRST, LAST = date(YEAR - 1, 12, 25), date(YEAR + 1, 1, 5)
MINUTES = 365 * 24 * 60


def events(rules: Sequence[Opens]) -> icalendar.Calendar:
    """The schedules as a calendar: one event each, none on the holidays on which a schedule is closed."""
    calendar = icalendar.Calendar()
    for number, rule in enumerate(rules):
        assert rule.dtstart is not None
        assert rule.opens_at is not None
        assert rule.closes_at is not None
        begins = datetime.combine(rule.dtstart, rule.opens_at)
        closes = time(0) if rule.closes_at == time(23, 59) else rule.closes_at
        ends = datetime.combine(rule.dtstart, closes)
        event = icalendar.Event()
        event.add("uid", f"{number}@test")
        event.add("dtstart", begins)
        event.add("dtend", ends if ends > begins else ends + timedelta(days=1))
        event["rrule"] = icalendar.vRecur.from_ical(rrule(rule))
        if rule.on_holidays == "closed":
            days_off = [day for year in (YEAR - 1, YEAR, YEAR + 1) for day in holidays(year)]
            event.add("exdate", [datetime.combine(day, rule.opens_at) for day in days_off])
        calendar.add_component(event)
    return calendar


def rrule(rule: Opens) -> str:
    until = f";UNTIL={rule.until:%Y%m%d}T235959" if rule.until else ""
    parts = [f"FREQ={rule.freq}", f"INTERVAL={rule.interval}", f"WKST={rule.wkst or 'MO'}"]
    parts += [f"BYDAY={rule.byday}"] if rule.byday else []
    parts += [f"BYMONTHDAY={rule.bymonthday}"] if rule.bymonthday else []
    return ";".join(parts) + until


def expected(rules: Sequence[Opens], instants: Sequence[datetime]) -> list[bool]:
    """What the oracle says of each instant: is any occurrence going on? Expanded once for the whole year. The first
    day of a recurrence counts only if the rule itself has it (iCalendar would add it)."""
    spans = [
        (start, event.end)
        for event in recurring_ical_events.of(events(rules)).between(FIRST, LAST)
        if own(rules[int(str(event["UID"]).partition("@")[0])], (start := event.start).date())
    ]
    return [any(start <= at.replace(tzinfo=None) < end for start, end in spans) for at in instants]


def own(rule: Opens, day: date) -> bool:
    """Whether a first day fits its rule: by plain comparison, only ever asked of `dtstart`."""
    if day != rule.dtstart:
        return True
    if rule.bymonthday:
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return (
            day.day in (wanted := [int(one) for one in rule.bymonthday.split(",")]) or day.day - last.day - 1 in wanted
        )
    if not rule.byday:
        return True
    return any(fits(one, day) for one in rule.byday.split(","))


def fits(one: str, day: date) -> bool:
    if DAYS[day.weekday()] != one[-2:]:
        return False
    nth = int(one[:-2] or 0)
    if nth == 0:
        return True
    step = timedelta(days=7 * (1 if nth > 0 else -1))
    there, month = day, 0
    while there.month == day.month:
        there, month = there - step, month + 1
    return month == abs(nth)


QUARTER = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))
CLOSES = st.one_of(QUARTER, st.just(time(23, 59)))
HOURS = st.tuples(QUARTER, CLOSES).filter(lambda pair: pair[0] != pair[1])
START = st.dates(date(YEAR - 1, 10, 1), date(YEAR, 3, 1))
WEEKDAYS = st.sets(st.sampled_from(DAYS), min_size=1, max_size=7).map(
    lambda days: ",".join(sorted(days, key=DAYS.index))
)
NTH = st.builds(lambda nth, day: f"{nth}{day}", st.sampled_from([1, 2, 3, 4, 5, -1, -2]), st.sampled_from(DAYS))
MONTH_DAY = st.sampled_from([*range(1, 32), -1, -2, -15]).map(str)
ON_HOLIDAYS = st.sampled_from(["open", "closed"])
UNTIL = st.one_of(st.none(), st.dates(date(YEAR, 4, 1), date(YEAR, 12, 31)))


@st.composite
def days(draw: st.DrawFn) -> list[Opens]:
    """One service: a rule, with a lunch break as often as not, or hours over midnight."""
    freq = draw(st.sampled_from(["WEEKLY", "WEEKLY", "MONTHLY"]))
    weekly = freq == "WEEKLY"
    byday = draw(WEEKDAYS) if weekly else draw(st.one_of(NTH, st.none()))
    month_day = None if weekly or byday else draw(MONTH_DAY)
    rule = Opens(
        freq, draw(st.integers(1, 3)), draw(ON_HOLIDAYS), dtstart=draw(START), until=draw(UNTIL), byday=byday,
        bymonthday=month_day, wkst=draw(st.sampled_from([None, "SU", "MO"])),
    )  # fmt: skip
    if draw(st.booleans()):
        return [
            replace(rule, opens_at=time(8), closes_at=time(13)),
            replace(rule, opens_at=time(14), closes_at=time(16)),
        ]
    opens, closes = draw(HOURS)
    return [replace(rule, opens_at=opens, closes_at=closes)]


SCHEDULES = st.lists(days(), min_size=1, max_size=3).map(lambda groups: [rule for group in groups for rule in group])
INSTANTS = st.lists(st.integers(0, MINUTES - 1), min_size=40, max_size=40).map(
    lambda minutes: [datetime(YEAR, 1, 1, tzinfo=DOMINICA) + timedelta(minutes=m) for m in minutes]
)
NIGHT = Opens("WEEKLY", 1, "closed", dtstart=date(YEAR, 1, 1), byday="TH", opens_at=time(22), closes_at=time(2))
AROUND_CHRISTMAS = [datetime(YEAR, 12, 24, 20, tzinfo=DOMINICA) + timedelta(minutes=30 * n) for n in range(60)]


@given(SCHEDULES, INSTANTS)
@example([NIGHT, replace(NIGHT, byday="FR", opens_at=time(8), closes_at=time(16))], AROUND_CHRISTMAS)
@example([replace(NIGHT, byday="FR", on_holidays="open", closes_at=time(23, 59))], AROUND_CHRISTMAS)
@settings(max_examples=120, deadline=None)
def test_a_year_of_instants(rules: list[Opens], instants: list[datetime]) -> None:
    edges = [*instants, *boundaries(rules)]
    told = zip(edges, expected(rules, edges), strict=True)
    wanted = [known or (None if all(ended(rule, at) for rule in rules) else False) for at, known in told]
    assert [open_at(rules, at, PublicHolidays()) for at in edges] == wanted


def ended(rule: Opens, at: datetime) -> bool:
    """Whether nothing is known of the rule any more: iCalendar would call it closed for ever."""
    return rule.until is not None and rule.until < at.date()


@cache
def special_days() -> tuple[date, ...]:
    return tuple(sorted(holidays(YEAR)))


def boundaries(rules: Sequence[Opens]) -> list[datetime]:
    """The minutes at which a mistake shows: at each opening and closing, on holidays and on the days beside them."""
    times = {moment for rule in rules for moment in (rule.opens_at, rule.closes_at) if moment is not None}
    near = {day + timedelta(days=step) for day in special_days()[::3] for step in (-1, 0, 1)} | {date(YEAR, 2, 28)}
    points = (datetime.combine(day, moment, DOMINICA) for day in near for moment in times if day.year == YEAR)
    return [point + timedelta(minutes=step) for point in points for step in (-1, 0, 1)]


@given(SCHEDULES, INSTANTS)
@settings(max_examples=60, deadline=None)
def test_hours_nobody_knows_are_never_closed(rules: list[Opens], instants: list[datetime]) -> None:
    """A service with a rule we cannot read, or no rule at all, is open when another rule says so, and else unknown."""
    unreadable = replace(rules[0], byday="MO,TU,WE,TH,FR,SA,SU", bymonthday=None, freq="WEEKLY", interval=1, until=None,
                         dtstart=date(YEAR - 1, 1, 1), opens_at=None, closes_at=None)  # fmt: skip
    for at in instants:
        known = open_at(rules, at, PublicHolidays())
        assert open_at([*rules, unreadable], at, PublicHolidays()) is (True if known else None)
        assert open_at([], at, PublicHolidays()) is None


@given(SCHEDULES, INSTANTS)
@settings(max_examples=60, deadline=None)
def test_a_holiday_nobody_knows_about_is_unknown_where_it_would_be_open(
    rules: list[Opens], instants: list[datetime]
) -> None:
    """`unknown` differs from `open` only on holidays, and there only by not promising that it is open."""
    unknown = [replace(rule, on_holidays="unknown") for rule in rules]
    opened = [replace(rule, on_holidays="open") for rule in rules]
    closed = [replace(rule, on_holidays="closed") for rule in rules]
    for at in [*instants, *boundaries(rules)]:
        said, at_most, at_least = (open_at(one, at, PublicHolidays()) for one in (unknown, opened, closed))
        assert said is (True if at_least else None if at_most else at_most)
