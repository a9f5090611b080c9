"""Opening hours: examples, and a property against an independent oracle (dateutil's RFC 5545 rules)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from base.clock import DOMINICA
from directory.holidays import PublicHolidays, easter, holidays
from directory.hours import DAYS, OpenDays, open_at, weekly

NONE: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Rule:
    """A schedule row."""

    byday: str | None = "MO,TU,WE,TH,FR"
    opens_at: time | None = time(8)
    closes_at: time | None = time(16)
    freq: str = "WEEKLY"
    interval: int = 1
    dtstart: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    until: date | None = None
    count: int | None = None
    wkst: str | None = None
    bymonthday: str | None = None
    byweekno: str | None = None
    byyearday: str | None = None
    on_holidays: str = "closed"


OFFICE = [Rule(closes_at=time(13)), Rule(opens_at=time(14))]
MONDAY = date(2026, 11, 16)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), DOMINICA)


@pytest.mark.parametrize(
    ("rules", "instant", "expected"),
    [
        ([], at(MONDAY, 9), None),
        (OFFICE, at(MONDAY, 8), True),
        (OFFICE, at(MONDAY, 13), False),
        (OFFICE, at(MONDAY, 13, 59), False),
        (OFFICE, at(MONDAY, 14), True),
        (OFFICE, at(MONDAY, 16), False),
        (OFFICE, at(MONDAY - timedelta(days=1), 9), False),
        (OFFICE, at(MONDAY, 9).astimezone(UTC), True),
        (OFFICE, datetime(2026, 11, 16, 9, tzinfo=UTC), False),  # 05:00 in Dominica
        ([Rule("FR", time(22), time(2))], at(date(2026, 11, 20), 23), True),
        ([Rule("FR", time(22), time(2))], at(date(2026, 11, 21), 1, 59), True),
        ([Rule("FR", time(22), time(2))], at(date(2026, 11, 21), 2), False),
        ([Rule("FR", time(22), time(2))], at(date(2026, 11, 20), 1), False),
        ([Rule("MO", time(0), time(0))], at(MONDAY, 23, 59), True),
        ([Rule("MO", time(0), time(23, 59))], at(MONDAY, 23, 59), True),
        ([Rule("MO", None, None)], at(MONDAY, 9), None),
        ([Rule("MO", None, None)], at(MONDAY + timedelta(days=1), 9), False),
        ([Rule(count=3, dtstart=MONDAY)], at(MONDAY, 9), None),
        ([Rule("XX")], at(MONDAY, 9), None),
        ([Rule(freq="YEARLY")], at(MONDAY, 9), None),
        ([Rule("1MO", freq="MONTHLY")], at(date(2026, 12, 7), 9), True),
        ([Rule("1MO", freq="MONTHLY")], at(MONDAY, 9), False),
        ([Rule("-1FR", freq="MONTHLY")], at(date(2026, 11, 27), 9), True),
        ([Rule(None, bymonthday="-1", freq="MONTHLY")], at(date(2026, 11, 30), 9), True),
        ([Rule("MO", interval=2, dtstart=MONDAY)], at(MONDAY + timedelta(days=7), 9), False),
        ([Rule("MO", interval=2, dtstart=MONDAY)], at(MONDAY + timedelta(days=14), 9), True),
        ([Rule(valid_to=MONDAY)], at(MONDAY + timedelta(days=1), 9), None),
        ([Rule(until=MONDAY)], at(MONDAY + timedelta(days=1), 9), None),
        ([Rule(until=MONDAY), Rule("TU")], at(MONDAY + timedelta(days=7), 9), False),
        ([Rule("MO", time(22), time(2), until=MONDAY)], at(MONDAY + timedelta(days=1), 1), True),
        ([Rule(valid_from=MONDAY + timedelta(days=1))], at(MONDAY, 9), None),
    ],
)
def test_open_at(rules: list[Rule], instant: datetime, expected: bool | None) -> None:
    assert open_at(rules, instant, NONE) is expected


@pytest.mark.parametrize(("on_holidays", "expected"), [("open", True), ("closed", False), ("unknown", None)])
def test_a_holiday_is_as_the_schedule_says(on_holidays: str, expected: bool | None) -> None:
    rule = Rule(on_holidays=on_holidays)
    assert open_at([rule], at(date(2026, 12, 25), 9), PublicHolidays()) is expected
    assert open_at([rule], at(date(2026, 12, 25), 20), PublicHolidays()) is False


def test_a_night_that_began_before_the_holiday_goes_on() -> None:
    rule = Rule("TH", time(22), time(2), on_holidays="closed")
    assert open_at([rule], at(date(2026, 12, 25), 1), PublicHolidays()) is True


SLOT = st.tuples(st.integers(0, 95), st.integers(0, 95)).map(
    lambda pair: (time(pair[0] // 4, pair[0] % 4 * 15), time(pair[1] // 4, pair[1] % 4 * 15))
)
START = st.dates(date(2025, 12, 1), date(2026, 3, 1))
NTH = st.builds(lambda nth, day: f"{nth}{day}", st.sampled_from([1, 2, 3, 4, 5, -1, -2]), st.sampled_from(DAYS))
SOME_DAYS = st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: ",".join(sorted(days, key=DAYS.index)))
MONTH_DAY = st.sampled_from([*range(1, 32), -1, -2, -15]).map(str)


def rule(slot: tuple[time, time], start: date, interval: int, freq: str, byday: str | None, month: str | None) -> Rule:
    return Rule(byday, *slot, freq, interval, start, bymonthday=month)


WEEKLY = st.builds(rule, SLOT, START, st.integers(1, 3), st.just("WEEKLY"), SOME_DAYS, st.none())
MONTHLY = st.builds(rule, SLOT, START, st.integers(1, 2), st.just("MONTHLY"), NTH, st.none())
MONTH_DAYS = st.builds(rule, SLOT, START, st.just(1), st.just("MONTHLY"), st.none(), MONTH_DAY)
HOLIDAYS = st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=6)
INSTANTS = st.integers(0, 365 * 24 * 60 - 1).map(lambda m: at(date(2026, 1, 1), 0) + timedelta(minutes=m))


def oracle(rules: list[Rule], instant: datetime, days_off: frozenset[date]) -> bool:
    """Expand every rule with dateutil and see whether an occurrence holds the instant."""
    local = instant.replace(tzinfo=None)
    for rule in rules:
        assert rule.dtstart is not None
        assert rule.opens_at is not None
        assert rule.closes_at is not None
        parts = [f"FREQ={rule.freq}", f"INTERVAL={rule.interval}"]
        parts += [f"BYDAY={rule.byday}"] if rule.byday else []
        parts += [f"BYMONTHDAY={rule.bymonthday}"] if rule.bymonthday else []
        first = datetime.combine(rule.dtstart, rule.opens_at)
        length = (datetime.combine(MONDAY, rule.closes_at) - datetime.combine(MONDAY, rule.opens_at)) % timedelta(
            days=1
        )
        for begins in rrulestr(";".join(parts), dtstart=first).between(
            local - timedelta(days=2), local + timedelta(days=1), inc=True
        ):
            ends = begins + (length or timedelta(days=1))
            if begins.date() not in days_off and begins <= local < ends:
                return True
    return False


@given(st.lists(st.one_of(WEEKLY, MONTHLY, MONTH_DAYS), min_size=1, max_size=4), INSTANTS, HOLIDAYS)
@example([Rule("SU", time(23), time(1), dtstart=date(2026, 1, 4))], at(date(2026, 1, 5), 0, 30), NONE)
@settings(max_examples=300, deadline=None)
def test_open_at_agrees_with_the_oracle(rules: list[Rule], instant: datetime, days_off: frozenset[date]) -> None:
    assert open_at(rules, instant, days_off) is oracle(rules, instant, days_off)


def test_weekly_groups_days_with_the_same_hours() -> None:
    rules = [Rule("MO", time(8), time(17)), Rule("TU,WE", time(8), time(16)), Rule("1SA", freq="MONTHLY")]
    assert weekly(rules, MONDAY) == (
        OpenDays((0,), ((time(8), time(17)),)),
        OpenDays((1, 2), ((time(8), time(16)),)),
        OpenDays((5,), ((time(8), time(16)),), "1SA"),
    )
    assert weekly([], MONDAY) == ()


def test_public_holidays_of_published_years() -> None:
    assert [day.isoformat()[5:] for day in holidays(2019)] == (
        "01-01 03-04 03-05 04-19 04-22 05-06 06-10 08-05 11-04 11-05 12-25 12-26".split()
    )
    assert date(2021, 12, 27) in holidays(2021)
    assert date(2023, 1, 2) in holidays(2023)
    assert easter(2026) == date(2026, 4, 5)


def test_hours_whose_rule_has_ended_are_not_told() -> None:
    rules = [Rule("MO", until=MONDAY), Rule("TU")]
    assert [one.days for one in weekly(rules, MONDAY)] == [(0, 1)]
    assert [one.days for one in weekly(rules, MONDAY + timedelta(days=1))] == [(1,)]
    assert weekly(rules[:1], MONDAY + timedelta(days=1)) == ()
