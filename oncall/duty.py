"""Who is on duty when, from shifts, rotations and overrides. No database and no clock."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from base.clock import DOMINICA
from oncall import hours
from oncall.hours import Spell
from oncall.models import Override, Rotation, Shift


@dataclass(frozen=True)
class Duty:
    """One person on duty at a level from `start` to `end`. `source` is the shift, rotation or override."""

    staff_id: uuid.UUID
    level: int
    start: datetime
    end: datetime
    kind: str
    source: uuid.UUID

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


def duties(
    shifts: Iterable[Shift],
    rotations: Iterable[Rotation],
    overrides: Iterable[Override],
    start: datetime,
    end: datetime,
) -> list[Duty]:
    """All duties in [start, end), by beginning. Overrides count in the order they were made."""
    found = [Duty(s.staff_id, s.level, max(s.starts_at, start), min(s.ends_at, end), "shift", s.id) for s in shifts]
    for rotation in rotations:
        found += turns(rotation, start, end)
    found = [duty for duty in found if duty.start < duty.end]
    for override in overrides:
        found = list(_overridden(found, override, start, end))
    return sorted(found, key=lambda duty: (duty.start, duty.level, duty.end, duty.staff_id))


def turns(rotation: Rotation, start: datetime, end: datetime) -> Iterator[Duty]:
    """The turns of a rotation that touch [start, end), cut to it."""
    if not rotation.staff_ids:
        return
    end = min(end, rotation.ends_at) if rotation.ends_at else end
    first = rotation.starts_at.astimezone(DOMINICA)
    length = timedelta(days=rotation.turn_days)
    number = max(0, (start - first) // length - 1)
    while first + number * length < end:  # by the wall clock of the time zone
        begins, ends = first + number * length, first + (number + 1) * length
        who = rotation.staff_ids[number % len(rotation.staff_ids)]
        for spell in _in_windows(rotation.windows, max(begins, start), min(ends, end)):
            yield Duty(who, rotation.level, spell.start, spell.end, "rotation", rotation.id)
        number += 1


def _in_windows(windows: str | None, start: datetime, end: datetime) -> Iterable[Spell]:
    if start >= end:
        return []
    return hours.week(windows).spells(start, end) if windows else [Spell(start, end)]


def _overridden(found: Iterable[Duty], override: Override, start: datetime, end: datetime) -> Iterator[Duty]:
    first, last = max(override.starts_at, start), min(override.ends_at, end)
    if override.replaces_id is None and override.staff_id and first < last:
        yield Duty(override.staff_id, override.level, first, last, "override", override.id)
    for duty in found:
        if duty.staff_id != override.replaces_id or duty.level != override.level:
            yield duty
            continue
        for one, other in ((duty.start, min(first, duty.end)), (max(last, duty.start), duty.end)):
            if one < other:
                yield replace(duty, start=one, end=other)
        inner = (max(duty.start, first), min(duty.end, last))
        if override.staff_id and inner[0] < inner[1]:
            yield Duty(override.staff_id, duty.level, *inner, "override", override.id)


def uncovered(spells: Iterable[Spell], start: datetime, end: datetime) -> Sequence[Spell]:
    """The parts of [start, end) that none of these cover."""
    holes, at = [], start
    for spell in sorted(spells, key=lambda one: one.start):
        if spell.start > at:
            holes.append(Spell(at, min(spell.start, end)))
        at = max(at, spell.end)
        if at >= end:
            break
    if at < end:
        holes.append(Spell(at, end))
    return [hole for hole in holes if hole.start < hole.end]
