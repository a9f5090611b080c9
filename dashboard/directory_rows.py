"""What the directory pages show: lists, and everything about one service. No Flask in here."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

from sqlalchemy import ColumnElement, exists, func, inspect, or_, select
from sqlalchemy.orm import Session

import directory.models as m
from base.db import Base

AT_ONCE = 50
Row = TypeVar("Row", bound=Base)
STATES = {
    "unverified": "without a verified number",
    "confidential": "confidential",
    "reported": "reported as wrong",
    "retired": "not active",
    "migrants": "migrants: not known",
}


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to; empty: everything. `page` counts from 0."""

    words: str = ""
    need: str = ""
    parish: str = ""
    state: str = ""
    page: int = 0


@dataclass(frozen=True)
class Line:
    """A service in the list."""

    id: uuid.UUID
    name: str
    organization: str
    needs: tuple[str, ...]
    parishes: tuple[str, ...]
    status: str
    confidential: bool
    verified: bool
    reports: int


@dataclass
class Sheet:
    """All about one service, row by row."""

    service: m.Service
    organization: m.Organization
    needs: Sequence[m.ServiceNeed] = ()
    locations: Sequence[m.Location] = ()
    addresses: Sequence[m.LocationAddress] = ()
    phones: Sequence[m.Phone] = ()
    schedules: Sequence[m.Schedule] = ()
    languages: Sequence[m.SpokenLanguage] = ()
    documents: Sequence[m.RequiredDocument] = ()
    costs: Sequence[m.CostOption] = ()
    texts: dict[tuple[str, str], m.ServiceText] = field(default_factory=dict)
    tasks: Sequence[m.CheckTask] = ()

    def rows(self) -> list[Base]:
        """Every row that belongs to it and has a history."""
        mine: list[Base] = [self.service, self.organization]
        for part in (self.locations, self.addresses, self.phones, self.schedules, self.languages, self.documents,
                     self.costs):  # fmt: skip
            mine.extend(part)
        return mine


def listed(session: Session, wanted: Wanted) -> tuple[list[Line], int]:
    """A page of services by name, and how many there are in all."""
    narrowed = [*_narrowed(wanted)]
    total = session.scalar(
        select(func.count()).select_from(m.Service).join(m.Organization).where(*narrowed)
    ) or 0  # fmt: skip
    found = session.execute(
        select(m.Service, m.Organization.name)
        .join(m.Organization)
        .where(*narrowed)
        .order_by(m.Service.name, m.Service.id)
        .offset(wanted.page * AT_ONCE)
        .limit(AT_ONCE)
    ).all()
    ids = [service.id for service, _ in found]
    needs, parishes = _needs(session, ids), _parishes(session, ids)
    verified, reports = _verified(session, ids), _reports(session, ids)
    lines = [
        Line(s.id, s.name, name, needs.get(s.id, ()), parishes.get(s.id, ()), s.status, s.confidential,
             s.id in verified, reports.get(s.id, 0))
        for s, name in found
    ]  # fmt: skip
    return lines, total


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    mine: list[ColumnElement[bool]] = []
    service_id = m.Service.id
    if wanted.words:
        like = f"%{wanted.words.replace('%', '').replace('_', ' ')}%"
        mine.append(or_(m.Service.name.ilike(like), m.Organization.name.ilike(like)))
    if wanted.need:
        mine.append(exists().where(m.ServiceNeed.service_id == service_id, m.ServiceNeed.need == wanted.need))
    if wanted.parish:
        there = m.ServiceAtLocation.location_id == m.Location.id
        at = exists().where(m.ServiceAtLocation.service_id == service_id, there, m.Location.parish == wanted.parish)
        serves = exists().where(m.ServiceArea.service_id == service_id, m.ServiceArea.parish == wanted.parish)
        mine.append(or_(at, serves))
    states: dict[str, ColumnElement[bool]] = {
        "unverified": ~exists().where(m.Phone.service_id == service_id, m.Phone.verified_on.is_not(None)),
        "confidential": m.Service.confidential.is_(True),
        "reported": exists().where(m.CheckTask.service_id == service_id, m.CheckTask.done_at.is_(None)),
        "retired": m.Service.status != "active",
        "migrants": m.Service.open_to_migrants == "unknown",
    }
    return [*mine, *([states[wanted.state]] if wanted.state in states else [])]


def _needs(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, ...]]:
    rows = session.execute(
        select(m.ServiceNeed.service_id, func.array_agg(m.ServiceNeed.need))
        .where(m.ServiceNeed.service_id.in_(ids))
        .group_by(m.ServiceNeed.service_id)
    )
    return {key: tuple(sorted(needs)) for key, needs in rows}


def _parishes(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, ...]]:
    rows = session.execute(
        select(m.ServiceAtLocation.service_id, func.array_agg(func.distinct(m.Location.parish)))
        .join(m.Location, m.Location.id == m.ServiceAtLocation.location_id)
        .where(m.ServiceAtLocation.service_id.in_(ids), m.Location.parish.is_not(None))
        .group_by(m.ServiceAtLocation.service_id)
    )
    return {key: tuple(sorted(parishes)) for key, parishes in rows}


def _verified(session: Session, ids: Sequence[uuid.UUID]) -> set[uuid.UUID | None]:
    return set(
        session.scalars(select(m.Phone.service_id).where(m.Phone.service_id.in_(ids), m.Phone.verified_on.is_not(None)))
    )


def _reports(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    rows = session.execute(
        select(m.CheckTask.service_id, func.sum(m.CheckTask.reports))
        .where(m.CheckTask.service_id.in_(ids), m.CheckTask.done_at.is_(None))
        .group_by(m.CheckTask.service_id)
    )
    return {key: int(count) for key, count in rows}


def sheet(session: Session, service_id: uuid.UUID) -> Sheet | None:
    """Everything about a service; None when there is none."""
    service = session.get(m.Service, service_id)
    if service is None:
        return None
    mine = partial(_of, session, service_id)
    texts = mine(m.ServiceText)
    return Sheet(
        service,
        session.get_one(m.Organization, service.organization_id),
        needs=sorted(mine(m.ServiceNeed), key=lambda one: (one.rank, one.need)),
        locations=_of(session, service_id, m.Location, key="id"),
        addresses=mine(m.LocationAddress),
        phones=sorted(mine(m.Phone), key=lambda one: (one.priority, one.id)),
        schedules=mine(m.Schedule),
        languages=mine(m.SpokenLanguage),
        documents=mine(m.RequiredDocument),
        costs=mine(m.CostOption),
        texts={(one.field, one.language): one for one in texts},
        tasks=sorted(mine(m.CheckTask), key=lambda one: one.first_reported_at, reverse=True),
    )


def _of(session: Session, service_id: uuid.UUID, model: type[Row], *, key: str = "location_id") -> Sequence[Row]:
    """The rows of a kind that belong to a service by themselves, by where it is given, or by its place."""
    at = select(m.ServiceAtLocation.location_id).where(m.ServiceAtLocation.service_id == service_id)
    ats = select(m.ServiceAtLocation.id).where(m.ServiceAtLocation.service_id == service_id)
    columns = inspect(model).columns
    ways = [columns["service_id"] == service_id] if "service_id" in columns else []
    ways += [columns[name].in_(one) for name, one in ((key, at), ("service_at_location_id", ats)) if name in columns]
    return session.scalars(select(model).where(or_(*ways)).order_by(*inspect(model).primary_key)).all()


def due_on(row: object, today: date) -> bool:
    """Whether a number, an hour or an address has to be checked again."""
    due = getattr(row, "next_check_due", None)
    return getattr(row, "verified_on", None) is None or (due is not None and due <= today)
