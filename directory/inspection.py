"""What in the directory is wrong, and what is missing. An error can mislead somebody; a warning is work to do."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from directory import duplicates, places
from directory import models as m
from directory.hours import DAYS
from directory.hsds import public
from directory.needs import NEEDS

SOUTH, NORTH, WEST, EAST = 15.1, 15.75, -61.6, -61.1  # Dominica, with some sea
SHOWN = 5  # names told of each finding
LANGUAGES = ("ht", "acf")
ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`names` are of services, organizations, places or numbers; what is confidential, or known by that alone, is told
    by its id only."""

    level: str
    what: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {len(self.names) - SHOWN} more" if len(self.names) > SHOWN else ""
        return f"{self.level}: {self.what}: {len(self.names)} ({'; '.join(self.names[:SHOWN])}{more})"


def inspect(session: Session, on: date) -> list[Finding]:
    """Everything that was found, errors first. `on`: the day by which checks are due."""
    found = [*_services(session), *_places(session), *_phones(session, on), *_organizations(session, on)]
    found += _finding(WARNING, "may be there twice (koudmen directory duplicates)", _twice(session))
    return sorted(found, key=lambda one: one.level != ERROR)


def _finding(level: str, what: str, names: Iterable[str]) -> list[Finding]:
    told = tuple(names)
    return [Finding(level, what, told)] if told else []


def _of(model: Any) -> ColumnElement[bool]:
    return exists().where(model.service_id == m.Service.id).correlate(m.Service)


def _named(session: Session, *where: ColumnElement[bool]) -> Iterator[str]:
    rows = select(m.Service.id, m.Service.name, m.Service.confidential).where(m.Service.status == "active", *where)
    for key, name, confidential in session.execute(rows.order_by(m.Service.name)):
        yield _told(key, name, confidential=confidential)


def _told(key: uuid.UUID, name: str, *, confidential: bool) -> str:
    return f"confidential {key}" if confidential else name


def _services(session: Session) -> Iterator[Finding]:
    need, at, area = _of(m.ServiceNeed), _of(m.ServiceAtLocation), _of(m.ServiceArea)
    spoken = exists().where(
        m.ServiceAtLocation.service_id == m.Service.id, m.SpokenLanguage.location_id == m.ServiceAtLocation.location_id
    )
    unknown = exists().where(m.ServiceNeed.service_id == m.Service.id, m.ServiceNeed.need.not_in(NEEDS))
    rules: list[tuple[str, str, Sequence[ColumnElement[bool]]]] = [
        (ERROR, "services without a need: nobody finds them", [~need]),
        (ERROR, "services with a need code that is unknown", [unknown]),
        (ERROR, "services without a place, an area, or the whole island", [~at, ~area, ~m.Service.national]),
        (ERROR, "confidential services without a referring office",
         [m.Service.confidential.is_(True), m.Service.referred_by_id.is_(None)]),
        (WARNING, "services without a number and without a place", [~_of(m.Phone), ~at]),
        (WARNING, "services whose hours are unknown", [~_of(m.Schedule)]),
        (WARNING, "services whose languages are unknown", [~_of(m.SpokenLanguage), ~spoken.correlate(m.Service)]),
        (WARNING, "services that may or may not take migrants", [m.Service.open_to_migrants == "unknown"]),
        (WARNING, "services without a source", [m.Service.source.is_(None)]),
    ]  # fmt: skip
    for language in LANGUAGES:
        told = exists().where(m.ServiceText.service_id == m.Service.id, m.ServiceText.language == language)
        rules.append((WARNING, f"services without a text in {language}", [~told.correlate(m.Service)]))
    for level, what, where in rules:
        yield from _finding(level, what, _named(session, *where))
    yield from _finding(WARNING, "hours that cannot be read: told as unknown", _unreadable(session))


def _unreadable(session: Session) -> Iterator[str]:
    rows = select(m.Schedule.byday, m.Service.id, m.Service.name, m.Service.confidential).join(
        m.Service, m.Service.id == m.Schedule.service_id
    )
    for byday, key, name, confidential in session.execute(rows.where(m.Schedule.byday.is_not(None))):
        if any(part.strip().upper()[-2:] not in DAYS for part in str(byday).split(",")):
            yield _told(key, name, confidential=confidential)


def _places(session: Session) -> Iterator[Finding]:
    rows = select(m.Location).where(m.Location.location_type == "physical").order_by(m.Location.id)
    off, unknown, nowhere = list[str](), list[str](), list[str]()
    parishes = {parish.name for parish in places.parishes()}
    told = set(session.scalars(select(m.Location.id).where(public.location(retired=True))))
    for one in session.scalars(rows):
        name = _told(one.id, one.name or str(one.id), confidential=one.id not in told)
        known = places.place_named(one.place) if one.place else None
        if one.parish is None:
            nowhere.append(name)
        elif one.parish not in parishes or (one.place and (known is None or known.parish != one.parish)):
            unknown.append(name)
        if _off_the_island(one.latitude, one.longitude):
            off.append(name)
    yield from _finding(ERROR, "places with coordinates outside Dominica", off)
    yield from _finding(ERROR, "places with a parish or village that is not in the list", unknown)
    yield from _finding(ERROR, "places without a parish", nowhere)


def _off_the_island(latitude: float | None, longitude: float | None) -> bool:
    if latitude is None and longitude is None:
        return False
    return not (SOUTH <= (latitude or 0) <= NORTH and WEST <= (longitude or 0) <= EAST)


def _phones(session: Session, on: date) -> Iterator[Finding]:
    local = m.Phone.number.regexp_match("^[0-9]{7,10}$")
    rules: list[tuple[str, ColumnElement[bool]]] = [
        ("numbers that nobody has verified: never sent", m.Phone.verified_on.is_(None)),
        ("numbers whose check is overdue", m.Phone.next_check_due < on),
        ("numbers without +1: perhaps not to be dialled from every phone", local),
        ("numbers without a source", m.Phone.source.is_(None)),
    ]
    public_ones = set(session.scalars(select(m.Phone.id).where(~m.Phone.confidential, public.hanging(m.Phone))))
    for what, where in rules:
        rows = select(m.Phone.id, m.Phone.number).where(where, m.Phone.retired_on.is_(None))
        found = session.execute(rows.order_by(m.Phone.number, m.Phone.id))
        names = (_told(key, number, confidential=key not in public_ones) for key, number in found)
        yield from _finding(WARNING, what, names)


def _organizations(session: Session, on: date) -> Iterator[Finding]:
    offers = exists().where(m.Service.organization_id == m.Organization.id).correlate(m.Organization)
    parent = m.Organization.__table__.alias("child")
    idle = ~or_(offers, exists().where(parent.c.parent_organization_id == m.Organization.id))
    rules = [
        (WARNING, "organizations without a service", idle),
        (WARNING, "organizations whose name has ended", m.Organization.name_valid_to < on),
    ]
    for level, what, where in rules:
        rows = session.execute(select(m.Organization.id, m.Organization.name, ~public.organization()).where(where))
        yield from _finding(level, what, (_told(key, name, confidential=secret) for key, name, secret in rows))


def _twice(session: Session) -> list[str]:
    return [f"{one.keep_name} / {one.other_name}" for one in duplicates.find(session)]
