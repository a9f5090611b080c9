"""Builds the index from the database, and keeps one for each database a process reads."""

import gc
import threading
import uuid
import weakref
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from typing import Any

from sqlalchemy import Engine, Select, and_, func, select
from sqlalchemy.orm import Session

from directory import freshness, places
from directory.hsds import public
from directory.index import (
    DEMO_PHONE,
    FEE,
    FEE_UNKNOWN,
    FREE,
    NO_PHONE,
    VERIFIED_PHONE,
    Area,
    Entry,
    Index,
    NeedMet,
    Terms,
    Who,
)
from directory.models import (
    Accessibility,
    CostOption,
    Location,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
    SpokenLanguage,
)
from directory.openings import NAMES, Opens

Key = uuid.UUID | None
PUBLIC_PHONE = and_(~Phone.confidential, Phone.retired_on.is_(None))
_kept: weakref.WeakKeyDictionary[Engine, tuple[str, Index]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def current(session: Session) -> Index:
    """The index of what this transaction sees. One that has changed the directory itself gets an index of its own."""
    engine = session.get_bind().engine
    snapshot, index = _kept.get(engine, (None, None))
    state = freshness.state(session, snapshot)
    if index is not None and not state.changed:
        return index
    if state.ours:
        return build(session)
    with _lock:
        snapshot, index = _kept.get(engine, (None, None))
        state = freshness.state(session, snapshot)
        if index is None or state.changed:
            index = build(session)
            _kept[engine] = (state.snapshot, index)
    return index


def build(session: Session) -> Index:
    """Read everything the order of results depends on."""
    collecting = gc.isenabled()
    gc.disable()  # it would look through a growing heap again and again, and find nothing
    try:
        return _Builder(session).build()
    finally:
        gc.freeze()  # nor later, in the middle of somebody's search; what is dropped is still freed, it holds no cycles
        if collecting:
            gc.enable()


class _Builder:
    """The tables of the directory, by the ids that point at each other."""

    def __init__(self, session: Session) -> None:
        self.session, self.index, self.keys = session, Index(), count()
        self.known_hours: dict[tuple[Any, ...], int] = {}
        self.needs = self._grouped(select(ServiceNeed.service_id, ServiceNeed.need, ServiceNeed.rank, ServiceNeed.part))
        self.serves = self._sets(
            select(ServiceArea.service_id, ServiceArea.parish).where(ServiceArea.parish.is_not(None))
        )
        self.places = self._grouped(_places())
        self.spoken = self._owned(SpokenLanguage, SpokenLanguage.code)
        self.hours = self._owned(Schedule, *(getattr(Schedule, name) for name in NAMES))
        self.index.hidden_phones = frozenset(
            session.scalars(select(Phone.id).where(PUBLIC_PHONE, ~public.hanging(Phone)))
        )
        told = and_(PUBLIC_PHONE, Phone.id.not_in(self.index.hidden_phones))
        self.phones = self._owned(Phone, Phone.verified_on.is_not(None), Phone.demo, where=told)
        self.asks_papers = set(self.session.scalars(select(RequiredDocument.service_id)))
        self.accessible = set(self.session.scalars(select(Accessibility.location_id)))
        fees = select(CostOption.service_id, func.max(CostOption.amount)).group_by(CostOption.service_id)
        self.fees = {service: amount for service, amount in self._rows(fees)}  # noqa: C416 (rows are no pairs to dict)

    def build(self) -> Index:
        services = {row.id: row for row in self.session.execute(_services())}
        hidden: dict[uuid.UUID, set[NeedMet]] = defaultdict(set)
        for row in services.values():
            if row.confidential and row.referred_by_id:
                self.index.stands_for[row.id] = row.referred_by_id
                hidden[row.referred_by_id] |= self._needs_of(row.id, hidden=True)
        for row in services.values():
            if not row.confidential:
                self._service(row, hidden.get(row.id, set()))
        return self.index

    def _service(self, row: Any, hidden: set[NeedMet]) -> None:
        index, needs = self.index, self.index.needs.number(frozenset(self._needs_of(row.id) | hidden))
        groups = frozenset((row.audience or "").split())
        who = index.who.number(Who(groups, row.minimum_age, row.maximum_age))
        serves = frozenset(self.serves.get(row.id, ()))
        for at, location, parish, place, latitude, longitude in self.places.get(row.id) or [(None,) * 6]:
            owners = (row.id, location, at)
            terms = index.terms.number(self._terms(row, owners, parish))
            lat, lon = _position(place, latitude, longitude)
            index.add(
                Entry(
                    next(self.keys), row.id, location, at, row.name, place, needs, who, terms,
                    index.areas.number(Area(parish, serves)),
                    self._hours(owners),
                    index.languages.number(frozenset(code for (code,) in self._of(self.spoken, owners))),
                    lat, lon,
                )
            )  # fmt: skip

    def _hours(self, owners: tuple[Key, ...]) -> int:
        """The number of these schedules; most services keep the same few."""
        rows = tuple(self._of(self.hours, owners))
        if rows not in self.known_hours:
            opens = tuple(Opens(**dict(zip(NAMES, row, strict=True))) for row in rows)
            self.known_hours[rows] = self.index.hours.number(opens)
        return self.known_hours[rows]

    def _needs_of(self, service: uuid.UUID, *, hidden: bool = False) -> set[NeedMet]:
        return {NeedMet(need, rank > 0, part, hidden) for need, rank, part in self.needs.get(service, ())}

    def _terms(self, row: Any, owners: tuple[Key, ...], parish: str | None) -> Terms:
        return Terms(
            open_to_migrants=row.open_to_migrants,
            asks_papers=row.id in self.asks_papers,
            fee=self._fee(row),
            accessible=owners[1] in self.accessible,
            phone=max((_reach(*phone) for phone in self._of(self.phones, owners)), default=NO_PHONE),
            national=row.national,
            placed=parish is not None,
        )

    def _fee(self, row: Any) -> int:
        """A cost option of nothing is free; a larger one, or words on a fee, is a fee; no word is not known."""
        if row.id in self.fees:
            return FEE_UNKNOWN if self.fees[row.id] is None else FREE if self.fees[row.id] == 0 else FEE
        return FEE if row.has_fees else FEE_UNKNOWN

    @staticmethod
    def _of(table: dict[Key, list[tuple[Any, ...]]], owners: tuple[Key, ...]) -> Iterable[tuple[Any, ...]]:
        for owner in owners:
            if owner is not None:
                yield from table.get(owner, ())

    def _rows(self, statement: Select[*tuple[Any, ...]]) -> Iterable[Any]:
        return self.session.execute(statement)

    def _grouped(self, statement: Select[*tuple[Any, ...]]) -> dict[Key, list[tuple[Any, ...]]]:
        groups: dict[Key, list[tuple[Any, ...]]] = defaultdict(list)
        for owner, *rest in self._rows(statement):
            groups[owner].append(tuple(rest))
        return groups

    def _sets(self, statement: Select[*tuple[Any, ...]]) -> dict[Key, set[str]]:
        return {owner: {value for (value,) in rows} for owner, rows in self._grouped(statement).items()}

    def _owned(self, model: Any, *columns: Any, where: Any = True) -> dict[Key, list[tuple[Any, ...]]]:
        """Rows by the service at a location, service or location they hang on, the first of these: at one place there
        may be several services (`directory.told` tells them apart likewise)."""
        at = [model.service_at_location_id] if hasattr(model, "service_at_location_id") else []
        owner = func.coalesce(*at, model.service_id, model.location_id)
        return self._grouped(select(owner, *columns).where(owner.is_not(None), where).order_by(owner, model.id))


def _services() -> Select[*tuple[Any, ...]]:
    return select(
        Service.id, Service.name, Service.audience, Service.minimum_age, Service.maximum_age, Service.open_to_migrants,
        Service.national, Service.confidential, Service.referred_by_id,
        func.coalesce(Service.fees_description, "").notin_(["", "free", "Free"]).label("has_fees"),
    ).where(Service.status == "active").order_by(Service.id)  # fmt: skip


def _places() -> Select[*tuple[Any, ...]]:
    return (
        select(
            ServiceAtLocation.service_id, ServiceAtLocation.id, Location.id, Location.parish, Location.place,
            Location.latitude, Location.longitude,
        )
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(~Location.confidential, ServiceAtLocation.retired_on.is_(None))
        .order_by(Location.id)
    )  # fmt: skip


def _reach(verified: bool, demo: bool) -> int:
    return VERIFIED_PHONE if verified else DEMO_PHONE if demo else NO_PHONE


def _position(place: str | None, latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    """Where it is; a settlement stands in for what nobody has surveyed."""
    if latitude is not None and longitude is not None:
        return latitude, longitude
    known = places.place_named(place) if place else None
    return (known.latitude, known.longitude) if known else (None, None)
