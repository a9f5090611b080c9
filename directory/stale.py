"""The work list of a directory that stays true: what nobody has checked, or not for long, or somebody says is wrong.

What was reported comes first, then what is given out most, then what was checked or heard longest ago.
"""

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, union
from sqlalchemy.orm import Session, join

from directory import given
from directory import models as m
from directory.hsds import public
from directory.truth import overdue, reports_of

KINDS: dict[str, tuple[str, ...]] = {  # what reports of texters are about: see directory.checks.KINDS
    "service": ("closed", "refused", "stale", "other"),
    "schedule": ("hours",),
}


@dataclass(frozen=True, slots=True)
class Stale:
    """A fact to check: the row (`table`, `id`), the service it is about, and the number where it is one.

    `known_on` is the day it was last checked, else that of its source (None: nobody knows). `given`: how often the
    number, or the service, was sent to texters in the last 90 days. `reports`: open reports that it is wrong.
    """

    table: str
    id: uuid.UUID
    service_id: uuid.UUID
    service: str
    number: str | None
    verified_by: str | None
    verified_on: date | None
    known_on: date | None
    reports: int
    given: int


def stale(session: Session, on: date, *, limit: int = 100, confidential: bool = False) -> list[Stale]:
    """What is to be checked on a day, the most urgent first. What is confidential, or hangs on it, only when asked."""
    found: dict[uuid.UUID, Stale] = {}
    for model in (m.Phone, m.Schedule, m.LocationAddress, m.Service):
        for row in session.execute(_due(model, on, confidential=confidential).limit(limit)):
            found.setdefault(row.id, Stale(model.__tablename__, *row))
    return sorted(found.values(), key=_urgent)[:limit]


def _urgent(one: Stale) -> tuple[int, int, date, str, uuid.UUID]:
    return (-one.reports, -one.given, one.known_on or date.min, one.service, one.id)


def _due(model: Any, on: date, *, confidential: bool) -> Select[*tuple[Any, ...]]:
    """Rows of one table that are due, each with the service it is about."""
    times = given.by_service(on).subquery()
    number = model.number if model is m.Phone else literal(None)
    reports = func.coalesce(_reports(model), 0)
    counted: ColumnElement[int] = func.coalesce(times.c.times, 0)
    known = func.coalesce(model.verified_on, model.source_date, func.make_date(model.source_year, 12, 31))
    wanted = (
        select(
            model.id, m.Service.id.label("service_id"), m.Service.name, number, model.verified_by, model.verified_on,
            known.label("known_on"),
        )
        .select_from(_with_service(model))
        .outerjoin(times, times.c.service_id == m.Service.id)
        .where(m.Service.status == "active", or_(model.verified_on.is_(None), overdue(model, on), reports > 0))
        .where(*_in_use(model, on), *([] if confidential else _may_be_shown(model)))
    )  # fmt: skip
    if model is m.Phone:
        phones = given.by_phone(on).subquery()
        wanted = wanted.outerjoin(phones, phones.c.phone_id == m.Phone.id)
        counted = func.coalesce(phones.c.times, times.c.times, 0)
    told, sent = reports.label("reports"), counted.label("given")
    order = (told.desc(), sent.desc(), known.asc().nulls_first(), model.id)
    return wanted.add_columns(told, sent).order_by(*order)


def _with_service(model: Any) -> Any:
    """The table joined to the service that each row is about: its own, or one at its place."""
    if model is m.Service:
        return m.Service
    site = m.ServiceAtLocation
    owners = union(
        select(m.Service.id.label("owner"), m.Service.id.label("service_id")),
        select(site.id, site.service_id).where(site.retired_on.is_(None)),
        select(site.location_id, site.service_id).where(site.retired_on.is_(None)),
    ).subquery()
    owner = model.location_id
    if model is m.Phone:
        owners = union(*_of_organizations(), select(owners.c.owner, owners.c.service_id)).subquery()
    if model is not m.LocationAddress:
        links = [model.service_at_location_id, model.location_id, model.service_id]
        owner = func.coalesce(*links, *([model.contact_id, model.organization_id] if model is m.Phone else []))
    return join(model, owners, owners.c.owner == owner).join(m.Service, m.Service.id == owners.c.service_id)


def _of_organizations() -> list[Any]:
    """Numbers of an organization, or of a contact, are about every service of it (of the contact's own, if it has)."""
    contact, whose = m.DirectoryContact, m.Service.organization_id
    return [
        select(whose.label("owner"), m.Service.id.label("service_id")),
        select(contact.id, contact.service_id).where(contact.service_id.is_not(None)),
        select(contact.id, m.Service.id).where(contact.service_id.is_(None), whose == contact.organization_id),
    ]


def _reports(model: Any) -> Any:
    if model is m.Phone:
        return reports_of(m.Service.id, m.Phone.id)
    kinds = KINDS.get(model.__tablename__, ())
    mine = (m.CheckTask.service_id == m.Service.id, m.CheckTask.kind.in_(kinds), m.CheckTask.done_at.is_(None))
    return select(func.sum(m.CheckTask.reports)).where(*mine).correlate(m.Service).scalar_subquery()


def _in_use(model: Any, on: date) -> list[ColumnElement[bool]]:
    if model is m.Phone:
        return [m.Phone.retired_on.is_(None)]
    return [or_(m.Schedule.valid_to.is_(None), m.Schedule.valid_to >= on)] if model is m.Schedule else []


def _may_be_shown(model: Any) -> list[ColumnElement[bool]]:
    """Nothing that is confidential or hangs on something that is."""
    shown = [~m.Service.confidential]
    if model is m.Phone:
        shown.append(~m.Phone.confidential)
    places = select(m.Location.id).where(public.location())
    if model is not m.Service:
        shown.append(or_(model.location_id.is_(None), model.location_id.in_(places)))
        shown.append(public.hanging(model, but="location_id"))  # a number may be a clinic's and a refuge's
    if model in {m.Phone, m.Schedule}:
        sites = select(m.ServiceAtLocation.id).where(m.ServiceAtLocation.location_id.in_(places))
        shown.append(or_(model.service_at_location_id.is_(None), model.service_at_location_id.in_(sites)))
    return shown
