"""Who is on duty: shifts, rotations, overrides, swaps, gaps. The pure part against a slow and simple second opinion."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import recurring_ical_events  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import transaction
from base.errors import ConfigError, InvalidInput, Refused
from oncall import duty, hours, ical, rota, staff
from oncall.duty import Duty
from oncall.hours import Spell
from oncall.models import Override, Rotation, Shift
from tests.oncall.conftest import MONDAY, World

MIDNIGHT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # Monday 00:00 in Dominica
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ADA, BEA, CYR = (uuid.UUID(int=n) for n in (1, 2, 3))


def who(plan: list[Duty], at: datetime, level: int = 1) -> set[uuid.UUID]:
    return {one.staff_id for one in plan if one.level == level and one.holds(at)}


# -- hours in words


@pytest.mark.parametrize(
    ("words", "at", "is_open"),
    [
        ("Mon-Fri 08:00-16:00", "2026-11-23 08:00", True),
        ("Mon-Fri 08:00-16:00", "2026-11-23 15:59", True),
        ("Mon-Fri 08:00-16:00", "2026-11-23 16:00", False),
        ("Mon-Fri 08:00-16:00", "2026-11-28 10:00", False),
        ("Mon-Fri 16:00-08:00, Sat-Sun 00:00-24:00", "2026-11-24 07:59", True),
        ("Mon-Fri 16:00-08:00, Sat-Sun 00:00-24:00", "2026-11-24 08:00", False),
        ("Mon-Fri 16:00-08:00, Sat-Sun 00:00-24:00", "2026-11-29 23:59", True),
        ("Sat-Mon 22:00-02:00", "2026-11-24 01:30", True),
        ("Sat-Mon 22:00-02:00", "2026-11-25 01:30", False),
    ],
)
def test_hours(words: str, at: str, is_open: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=DOMINICA)
    assert hours.week(words).open_at(moment) is is_open


@pytest.mark.parametrize(
    "words", ["", "always", "Mon 8-16", "Mon 25:00-26:00", "Foo 08:00-16:00", "Mon-Foo 08:00-09:00"]
)
def test_hours_that_cannot_be_read(words: str) -> None:
    with pytest.raises(ConfigError):
        hours.week(words)


@given(start=st.integers(0, 14 * 24 * 60), length=st.integers(1, 3 * 24 * 60))
@settings(max_examples=60, deadline=None)
def test_spells_say_the_same_as_asking_minute_by_minute(start: int, length: int) -> None:
    week = hours.week("Mon-Fri 16:00-08:00, Sat 10:00-12:00, Sun 20:00-24:00")
    first = MIDNIGHT + timedelta(minutes=start)
    end = first + timedelta(minutes=length)
    spells = list(week.spells(first, end))
    for minute in range(0, length, 7):
        at = first + timedelta(minutes=minute)
        assert week.open_at(at) == any(spell.start <= at < spell.end for spell in spells)
    assert all(first <= spell.start < spell.end <= end for spell in spells)


# -- rotations and overrides


def rotation(*people: uuid.UUID, days: int = 7, windows: str | None = None) -> Rotation:
    return Rotation(
        id=uuid.uuid4(), name="x", level=1, staff_ids=list(people), turn_days=days, starts_at=MIDNIGHT, ends_at=None,
        windows=windows,
    )  # fmt: skip


def test_a_rotation_turns_each_week_for_a_year() -> None:
    plan = duty.duties([], [rotation(ADA, BEA, CYR)], [], MIDNIGHT, MIDNIGHT + 364 * DAY)
    for week in range(52):
        expected = {(ADA, BEA, CYR)[week % 3]}
        assert who(plan, MIDNIGHT + week * 7 * DAY) == expected
        assert who(plan, MIDNIGHT + (week + 1) * 7 * DAY - HOUR) == expected


def test_a_rotation_of_office_nights() -> None:
    plan = duty.duties([], [rotation(ADA, BEA, windows="Mon-Fri 16:00-08:00")], [], MIDNIGHT, MIDNIGHT + 14 * DAY)
    assert who(plan, MIDNIGHT + 17 * HOUR) == {ADA}
    assert who(plan, MIDNIGHT + 31 * HOUR) == {ADA}
    assert who(plan, MIDNIGHT + 33 * HOUR) == set()
    assert who(plan, MIDNIGHT + 7 * DAY + 17 * HOUR) == {BEA}


def test_a_look_at_the_middle_says_the_same_as_a_look_at_the_whole() -> None:
    one = rotation(ADA, BEA, CYR, days=1, windows="Mon-Sun 16:00-08:00")
    whole = duty.duties([], [one], [], MIDNIGHT, MIDNIGHT + 60 * DAY)
    for hour in range(0, 60 * 24, 5):
        at = MIDNIGHT + hour * HOUR
        assert who(duty.duties([], [one], [], at, at + timedelta(seconds=1)), at) == who(whole, at)


SOMEBODY = st.sampled_from([ADA, BEA, CYR])
TIMES = st.tuples(st.integers(0, 47), st.integers(1, 24))


@given(
    shifts=st.lists(st.tuples(SOMEBODY, TIMES), max_size=4),
    changes=st.lists(st.tuples(st.none() | SOMEBODY, st.none() | SOMEBODY, TIMES), max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_overrides_count_in_their_order_hour_by_hour(
    shifts: list[tuple[uuid.UUID, tuple[int, int]]],
    changes: list[tuple[uuid.UUID | None, uuid.UUID | None, tuple[int, int]]],
) -> None:
    """The second opinion: for one hour, a set of people that each change in turn takes from or adds to."""
    made = [
        Shift(id=uuid.uuid4(), staff_id=one, level=1, starts_at=MIDNIGHT + a * HOUR, ends_at=MIDNIGHT + (a + n) * HOUR)
        for one, (a, n) in shifts
    ]
    kept = [change for change in changes if change[0] or change[1]]
    overrides = [
        Override(
            id=uuid.uuid4(), level=1, staff_id=comes, replaces_id=goes, starts_at=MIDNIGHT + a * HOUR,
            ends_at=MIDNIGHT + (a + n) * HOUR,
        )
        for comes, goes, (a, n) in kept
    ]  # fmt: skip
    plan = duty.duties(made, [], overrides, MIDNIGHT, MIDNIGHT + 72 * HOUR)
    for hour in range(72):
        at = MIDNIGHT + hour * HOUR
        there = {one.staff_id for one in made if one.starts_at <= at < one.ends_at}
        for comes, goes, (a, n) in kept:
            if a <= hour < a + n:
                if goes is None and comes:
                    there.add(comes)
                elif goes in there:
                    there.discard(goes)
                    if comes:
                        there.add(comes)
        assert who(plan, at) == there


@given(st.lists(TIMES, max_size=6))
@settings(max_examples=100, deadline=None)
def test_uncovered(spans: list[tuple[int, int]]) -> None:
    spells = [Spell(MIDNIGHT + a * HOUR, MIDNIGHT + (a + n) * HOUR) for a, n in spans]
    holes = duty.uncovered(spells, MIDNIGHT, MIDNIGHT + 72 * HOUR)
    for hour in range(72):
        at = MIDNIGHT + hour * HOUR
        covered = any(spell.start <= at < spell.end for spell in spells)
        assert covered != any(hole.start <= at < hole.end for hole in holes)


# -- in the database


def test_gaps_are_found_weeks_ahead(world: World) -> None:
    world.crew()
    end = MONDAY + 14 * DAY
    with transaction(world.sessions) as session:
        assert rota.gaps(session, MONDAY, end) == []
        rota.add_override(session, 1, MONDAY + 9 * DAY, MONDAY + 10 * DAY, MONDAY, replaces_id=world.people["Ada"])
        found = rota.gaps(session, MONDAY, end)
    assert [(gap.kind, gap.level, gap.start, gap.end) for gap in found] == [
        ("nobody", 1, MONDAY + 9 * DAY, MONDAY + 10 * DAY)
    ]


def test_somebody_who_cannot_be_paged_is_a_gap(world: World) -> None:
    world.crew()
    with transaction(world.sessions) as session:
        staff.change_phone(session, world.people["Ada"], "767 555 0119", MONDAY)
        found = rota.gaps(session, MONDAY, MONDAY + DAY)
    assert {(gap.kind, gap.level, gap.staff_id) for gap in found} == {
        ("unverified", 1, world.people["Ada"]), ("nobody", 1, None),
    }  # fmt: skip


def test_a_language_that_nobody_on_duty_speaks_is_a_gap(world: World) -> None:
    world.crew()
    with transaction(world.sessions) as session:
        assert {(gap.kind, gap.language) for gap in rota.gaps(session, MONDAY, MONDAY + DAY, ["en", "ht"])} == {
            ("language", "ht")
        }
        ada = staff.get(session, world.people["Ada"])
        ada.languages = ["en", "ht"]
        session.flush()
        assert rota.gaps(session, MONDAY, MONDAY + DAY, ["en", "ht"]) == []


def test_nobody_without_a_confirmed_phone_is_put_on_the_rota(world: World) -> None:
    world.hire("Ada", verified=False)
    with transaction(world.sessions) as session:
        for refused in (
            lambda: rota.add_shift(session, world.people["Ada"], 1, MONDAY, MONDAY + DAY, MONDAY),
            lambda: rota.add_rotation(session, "x", 1, [world.people["Ada"]], MONDAY, MONDAY),
            lambda: rota.add_override(session, 1, MONDAY, MONDAY + DAY, MONDAY, staff_id=world.people["Ada"]),
        ):
            with pytest.raises(Refused):
                refused()
        with pytest.raises(InvalidInput):
            rota.add_shift(session, world.people["Ada"], 5, MONDAY, MONDAY + DAY, MONDAY)


def test_two_swap(world: World) -> None:
    world.hire("Ada", "Bea")
    with transaction(world.sessions) as session:
        rota.add_rotation(
            session, "weeks", 1, [world.people["Ada"], world.people["Bea"]], MIDNIGHT, MONDAY, turn_days=7
        )
        first, second = rota.planned(session, MIDNIGHT, MIDNIGHT + 14 * DAY)
        rota.swap(session, first, second, MONDAY)
        assert names(session, MIDNIGHT + DAY) == ["Bea"]
        assert names(session, MIDNIGHT + 8 * DAY) == ["Ada"]
        assert names(session, MIDNIGHT + 15 * DAY) == ["Ada"]
        with pytest.raises(Refused):
            rota.swap(session, first, second, MONDAY)


def names(session: Session, at: datetime, level: int = 1) -> list[str]:
    return [one.name for one in rota.on_duty(session, at, level)]


def test_levels_above_the_rota(world: World) -> None:
    world.crew()
    with world.sessions() as session:
        assert names(session, MONDAY, 3) == ["Cyr"]
        assert sorted(names(session, MONDAY, 4)) == ["Ada", "Bea", "Cyr", "Dan"]


def test_the_calendar_of_one_person(world: World) -> None:
    world.hire("Ada", "Bea")
    with transaction(world.sessions) as session:
        people = [world.people["Ada"], world.people["Bea"]]
        rota.add_rotation(session, "nights", 1, people, MIDNIGHT, MONDAY, windows="Mon-Sun 16:00-08:00")
        told = ical.feed(session, world.people["Ada"], MONDAY)
        plan = rota.planned(session, MONDAY, MONDAY + 14 * DAY)
    calendar = Calendar.from_ical(told)
    shown = recurring_ical_events.of(calendar).between(MONDAY, MONDAY + 14 * DAY)
    mine = [one for one in plan if one.staff_id == world.people["Ada"]]
    assert {event["DTEND"].dt.astimezone(UTC) for event in shown} == {one.end for one in mine}
    assert len({str(event["UID"]) for event in shown}) == len(shown) == len(mine) == 8
    assert b"Bea" not in told
    assert str(world.people["Bea"]).encode() not in told
