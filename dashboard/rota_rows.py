"""What the rota's pages show: a week by day and level, gaps, what is planned, and the duties that can be swapped."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.errors import InvalidInput
from dashboard import typed
from oncall import rota, staff
from oncall.clocks import LEVELS
from oncall.duty import Duty, uncovered
from oncall.hours import Spell
from oncall.models import Override, Rotation, Shift, Staff

LEVEL_NAMES = {1: "1 on call", 2: "2 backup", 3: "3 supervisors", 4: "4 everybody"}
SWAPPABLE = timedelta(days=35)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One person's part of a day."""

    duty: Duty
    name: str
    verified: bool


@dataclass(frozen=True)
class Cell:
    """A level on a day: who, and the hours that nobody covers (of the levels that must have somebody)."""

    level: int
    lines: Sequence[Line]
    holes: Sequence[Spell]


@dataclass(frozen=True)
class Day:
    """A day of the week that is shown."""

    start: datetime
    today: bool
    cells: Sequence[Cell]


def people(session: Session) -> dict[uuid.UUID, Staff]:
    """Everybody by id, ended accounts too: the past names them."""
    return {one.id: one for one in session.scalars(select(Staff))}


def week(session: Session, first: date, now: datetime) -> list[Day]:
    """Seven days from a day on; each has the levels of the rota, and those above on which somebody is planned."""
    start = typed.midnight(first)
    plan = rota.planned(session, start, start + 7 * DAY)
    names = people(session)
    levels = sorted({*rota.ROTA_LEVELS, *(duty.level for duty in plan)} & set(range(1, LEVELS + 1)))
    days = (start + n * DAY for n in range(7))  # Dominica has no summer time
    return [Day(at, at <= now < at + DAY, [_cell(plan, names, level, at) for level in levels]) for at in days]


def _cell(plan: Sequence[Duty], names: Mapping[uuid.UUID, Staff], level: int, start: datetime) -> Cell:
    end = start + DAY
    mine = [duty for duty in plan if duty.level == level and duty.start < end and duty.end > start]
    lines = [_line(_cut(duty, start, end), names[duty.staff_id]) for duty in mine]
    good = [Spell(line.duty.start, line.duty.end) for line in lines if line.verified]
    return Cell(level, lines, uncovered(good, start, end) if level in rota.ROTA_LEVELS else [])


def _line(duty: Duty, who: Staff) -> Line:
    return Line(duty, who.name, staff.reachable(who))


def _cut(duty: Duty, start: datetime, end: datetime) -> Duty:
    return Duty(duty.staff_id, duty.level, max(duty.start, start), min(duty.end, end), duty.kind, duty.source)


def hours(start: datetime, end: datetime, day: datetime) -> str:
    """`08:00-16:00` of one day, `all day`; 24:00 is its end."""
    if start <= day and end >= day + DAY:
        return "all day"
    last = "24:00" if end >= day + DAY else f"{end.astimezone(DOMINICA):%H:%M}"
    return f"{start.astimezone(DOMINICA):%H:%M}-{last}"


@dataclass(frozen=True)
class Planned:
    """A shift, rotation or override that is not over, for the list in which it can be taken back."""

    kind: str
    id: uuid.UUID
    level: int
    words: str
    start: datetime
    end: datetime | None


def ahead(session: Session, now: datetime) -> list[Planned]:
    """Everything that is planned and not over, by beginning."""
    names = people(session)
    return sorted(
        [*_shifts(session, names, now), *_rotations(session, names, now), *_overrides(session, names, now)],
        key=lambda one: (one.start, one.level),
    )


def _shifts(session: Session, names: Mapping[uuid.UUID, Staff], now: datetime) -> list[Planned]:
    found = session.scalars(select(Shift).where(Shift.cancelled_at.is_(None), Shift.ends_at > now))
    return [Planned("shift", s.id, s.level, names[s.staff_id].name, s.starts_at, s.ends_at) for s in found]


def _rotations(session: Session, names: Mapping[uuid.UUID, Staff], now: datetime) -> list[Planned]:
    found = session.scalars(select(Rotation).where(or_(Rotation.ends_at.is_(None), Rotation.ends_at > now)))
    return [
        Planned(
            "rotation", one.id, one.level,
            f"{one.name}: {', '.join(names[i].name for i in one.staff_ids if i in names)}, {one.turn_days} days each"
            + (f", {one.windows}" if one.windows else ""),
            one.starts_at, one.ends_at,
        )
        for one in found
    ]  # fmt: skip


def _overrides(session: Session, names: Mapping[uuid.UUID, Staff], now: datetime) -> list[Planned]:
    found = session.scalars(select(Override).where(Override.cancelled_at.is_(None), Override.ends_at > now))
    return [Planned("override", o.id, o.level, _instead(o, names), o.starts_at, o.ends_at) for o in found]


def _instead(one: Override, names: Mapping[uuid.UUID, Staff]) -> str:
    comes = names[one.staff_id].name if one.staff_id else ""
    goes = names[one.replaces_id].name if one.replaces_id else ""
    if comes and goes:
        return f"{comes} instead of {goes}"
    return f"{comes} as well" if comes else f"{goes} is off"


def swappable(session: Session, now: datetime) -> dict[str, Duty]:
    """Duties that have not begun, by the value of a choice in a form."""
    end = typed.midnight((now + SWAPPABLE).astimezone(DOMINICA).date())
    return {key(duty): duty for duty in rota.planned(session, now, end) if duty.start > now}


def key(duty: Duty) -> str:
    """A duty as the value of a choice."""
    return f"{duty.staff_id} {duty.level} {duty.start.timestamp():.0f} {duty.end.timestamp():.0f}"


def duty_of(session: Session, value: str | None, now: datetime) -> Duty:
    """The duty that was chosen; InvalidInput when the rota has none such (any more)."""
    found = swappable(session, now).get(value or "")
    if found is None:
        raise InvalidInput("choose a duty out of the list; the rota may have changed meanwhile")
    return found


def gaps(session: Session, now: datetime, ahead_: timedelta, languages: Sequence[str]) -> list[rota.Gap]:
    """What is wrong with the rota in the coming weeks."""
    return rota.gaps(session, now, now + ahead_, languages)
