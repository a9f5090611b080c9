"""The rota: shifts, rotations, overrides and swaps; who is on duty, and where nobody is."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, any_, or_, select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from oncall import hours
from oncall.clocks import EVERYBODY, LEVELS, SUPERVISORS
from oncall.duty import Duty, duties, uncovered
from oncall.hours import Spell
from oncall.models import Override, Rotation, Shift, Staff
from oncall.staff import active, get, may_take, reachable

MOMENT = timedelta(microseconds=1)
ROTA_LEVELS = (1, 2)  # those that must have somebody at every hour; above them roles count too


@dataclass(frozen=True)
class Gap:
    """Something wrong with the rota from `start` to `end`. `kind`: nobody, unverified (the one on duty cannot be
    paged), language (nobody on duty speaks it)."""

    kind: str
    level: int
    start: datetime
    end: datetime
    staff_id: uuid.UUID | None = None
    language: str | None = None


def planned(session: Session, start: datetime, end: datetime) -> list[Duty]:
    """Every duty of the rota in [start, end), by beginning. Disabled accounts are left out."""
    if start >= end:
        raise InvalidInput("the end comes after the beginning")
    shifts = session.scalars(
        select(Shift).where(Shift.cancelled_at.is_(None), Shift.starts_at < end, Shift.ends_at > start)
    ).all()
    turning = session.scalars(
        select(Rotation).where(Rotation.starts_at < end, or_(Rotation.ends_at.is_(None), Rotation.ends_at > start))
    ).all()
    overrides = session.scalars(
        select(Override)
        .where(Override.cancelled_at.is_(None), Override.starts_at < end, Override.ends_at > start)
        .order_by(Override.created_at, Override.id)
    ).all()
    in_use = {staff.id for staff in active(session)}
    return [duty for duty in duties(shifts, turning, overrides, start, end) if duty.staff_id in in_use]


def on_duty(session: Session, at: datetime, level: int) -> list[Staff]:
    """The people of a level at a moment: 1 on call, 2 backup, by the rota; 3 supervisors on the rota, else all of
    them; 4 everybody who may take a case."""
    listed = {(duty.staff_id, duty.level) for duty in planned(session, at, at + MOMENT)}
    everybody = active(session)
    mine = [staff for staff in everybody if (staff.id, level) in listed]
    if level == SUPERVISORS and not any(reachable(staff) for staff in mine):
        mine = [staff for staff in everybody if "supervisor" in staff.roles]
    if level >= EVERYBODY:
        ids = {staff_id for staff_id, _ in listed}
        mine = [staff for staff in everybody if staff.id in ids or may_take(staff)]
    return mine


def called_first(session: Session, at: datetime) -> list[Staff]:
    """Who is on call or backup at a moment, by the rota."""
    listed = {duty.staff_id for duty in planned(session, at, at + MOMENT) if duty.level in ROTA_LEVELS}
    return [staff for staff in active(session) if staff.id in listed] if listed else []


def names_now(session: Session, at: datetime) -> list[str]:
    """The names of those on duty at a moment at the levels of the rota, level 1 first. One query: it stands on every
    page of the staff site."""
    while_ = [
        and_(kind.starts_at <= at, or_(kind.ends_at.is_(None), kind.ends_at > at))
        for kind in (Shift, Rotation, Override)
    ]
    rows = session.execute(
        select(Staff, Shift, Rotation, Override)
        .outerjoin(Shift, and_(Shift.staff_id == Staff.id, Shift.cancelled_at.is_(None), while_[0]))
        .outerjoin(Rotation, and_(Staff.id == any_(Rotation.staff_ids), while_[1]))
        .outerjoin(
            Override,
            and_(or_(Override.staff_id == Staff.id, Override.replaces_id == Staff.id), Override.cancelled_at.is_(None),
                 while_[2]),
        )
        .where(or_(Shift.id.is_not(None), Rotation.id.is_not(None), Override.id.is_not(None)))
    ).all()  # fmt: skip
    people = {row[0].id: row[0] for row in rows}
    shifts = {shift.id: shift for _, shift, _, _ in rows if shift}
    rotations = {rotation.id: rotation for _, _, rotation, _ in rows if rotation}
    overrides = {override.id: override for *_, override in rows if override}
    in_order = sorted(overrides.values(), key=lambda one: (one.created_at, one.id))
    now = duties(shifts.values(), rotations.values(), in_order, at, at + MOMENT)
    ids = [d.staff_id for level in ROTA_LEVELS for d in now if d.level == level]
    return [people[i].name for i in dict.fromkeys(ids) if people[i].disabled_at is None]


def gaps(session: Session, start: datetime, end: datetime, languages: Sequence[str] = ()) -> list[Gap]:
    """What is wrong with the rota in [start, end): hours with nobody, people who cannot be paged, and hours at which
    nobody on call or backup speaks one of `languages`."""
    plan = planned(session, start, end)
    people = {staff.id: staff for staff in active(session)}
    found = [
        Gap("unverified", duty.level, duty.start, duty.end, staff_id=duty.staff_id)
        for duty in plan
        if not reachable(people[duty.staff_id])
    ]
    good = [duty for duty in plan if reachable(people[duty.staff_id])]
    for level in ROTA_LEVELS:
        holes = uncovered(_spells(duty for duty in good if duty.level == level), start, end)
        found += [Gap("nobody", level, hole.start, hole.end) for hole in holes]
    if not any(reachable(staff) and "supervisor" in staff.roles for staff in people.values()):
        found.append(Gap("nobody", SUPERVISORS, start, end))
    for language in languages:
        speakers = (d for d in good if d.level in ROTA_LEVELS and language in people[d.staff_id].languages)
        holes = uncovered(_spells(speakers), start, end)
        found += [Gap("language", 1, hole.start, hole.end, language=language) for hole in holes]
    return sorted(found, key=lambda gap: (gap.start, gap.level, gap.kind))


def _spells(plan: Iterable[Duty]) -> list[Spell]:
    return [Spell(duty.start, duty.end) for duty in plan]


def add_shift(
    session: Session, staff_id: uuid.UUID, level: int, start: datetime, end: datetime, now: datetime,
    *, by: uuid.UUID | None = None,
) -> Shift:  # fmt: skip
    """One shift. Refused for somebody who cannot be paged."""
    _check(level, start, end)
    if not reachable(get(session, staff_id)):
        raise Refused("this person's phone is not confirmed, so no page would reach them")
    shift = Shift(staff_id=staff_id, level=level, starts_at=start, ends_at=end, created_at=now, created_by_id=by)
    session.add(shift)
    session.flush()
    return shift


def cancel_shift(session: Session, shift_id: uuid.UUID, now: datetime) -> None:
    """The shift does not take place; one that has begun ends now, so that who was on duty stays known."""
    _ended(session.get_one(Shift, shift_id), now)


def add_rotation(
    session: Session, name: str, level: int, staff_ids: Sequence[uuid.UUID], start: datetime, now: datetime,
    *, turn_days: int = 7, windows: str | None = None, end: datetime | None = None,
) -> Rotation:  # fmt: skip
    """People who take turns. `windows` as in oncall.hours. Refused when one of them cannot be paged."""
    _check(level, start, end or start + MOMENT)
    if windows:
        hours.week(windows)
    if not staff_ids or turn_days < 1:
        raise InvalidInput("a rotation needs people, and turns of a day or more")
    if not all(reachable(get(session, staff_id)) for staff_id in staff_ids):
        raise Refused("somebody's phone is not confirmed, so no page would reach them")
    rotation = Rotation(
        name=name, level=level, staff_ids=list(staff_ids), turn_days=turn_days, starts_at=start, ends_at=end,
        windows=windows, created_at=now,
    )  # fmt: skip
    session.add(rotation)
    session.flush()
    return rotation


def end_rotation(session: Session, rotation_id: uuid.UUID, at: datetime) -> None:
    """No turns from `at` on."""
    found = session.get_one(Rotation, rotation_id)
    found.ends_at = min(at, found.ends_at) if found.ends_at else at


def add_override(
    session: Session, level: int, start: datetime, end: datetime, now: datetime,
    *, staff_id: uuid.UUID | None = None, replaces_id: uuid.UUID | None = None, by: uuid.UUID | None = None,
) -> Override:  # fmt: skip
    """For a while somebody else, nobody, or somebody more (see the model)."""
    _check(level, start, end)
    if staff_id is None and replaces_id is None:
        raise InvalidInput("who comes, or who is replaced")
    if staff_id and not reachable(get(session, staff_id)):
        raise Refused("this person's phone is not confirmed, so no page would reach them")
    override = Override(
        level=level, starts_at=start, ends_at=end, staff_id=staff_id, replaces_id=replaces_id, created_at=now,
        created_by_id=by,
    )  # fmt: skip
    session.add(override)
    session.flush()
    return override


def cancel_override(session: Session, override_id: uuid.UUID, now: datetime) -> None:
    """It does not take place; one that has begun ends now."""
    _ended(session.get_one(Override, override_id), now)


def _ended(found: Shift | Override, now: datetime) -> None:
    if found.starts_at >= now:
        found.cancelled_at = found.cancelled_at or now
    elif found.ends_at > now:
        found.ends_at = now
    else:
        raise Refused("it is over already")


def swap(
    session: Session, one: Duty, other: Duty, now: datetime, *, by: uuid.UUID | None = None
) -> tuple[Override, Override]:
    """Two people do each other's duty. Refused when one of the duties is not in the rota as it is now."""
    for duty in (one, other):
        if not stands(session, duty):
            raise Refused("this duty is not in the rota (any more)")
    first = add_override(
        session, one.level, one.start, one.end, now, staff_id=other.staff_id, replaces_id=one.staff_id, by=by
    )
    second = add_override(
        session, other.level, other.start, other.end, now, staff_id=one.staff_id, replaces_id=other.staff_id, by=by
    )
    return first, second


def stands(session: Session, duty: Duty) -> bool:
    """Whether this duty is in the rota as it is now."""
    mine = [d for d in planned(session, duty.start, duty.end) if (d.staff_id, d.level) == (duty.staff_id, duty.level)]
    return not uncovered(_spells(mine), duty.start, duty.end)


def _check(level: int, start: datetime, end: datetime) -> None:
    if not 1 <= level <= LEVELS:
        raise InvalidInput(f"a level from 1 to {LEVELS}")
    if start >= end:
        raise InvalidInput("the end comes after the beginning")
