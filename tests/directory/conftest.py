"""An empty directory, and a small way to fill it."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

import directory.models as m

Add = Callable[..., uuid.UUID]
LEAVES_FIRST = [
    m.SeedRow, m.CheckTask, m.GivenOut, m.Phone, m.Schedule, m.SpokenLanguage, m.RequiredDocument, m.ServiceNeed,
    m.ServiceArea, m.ServiceAtLocation, m.LocationAddress, m.Location,
]  # fmt: skip


@pytest.fixture
def empty(session: Session) -> Session:
    """A session (rolled back afterwards) in which the directory has no rows."""
    for model in LEAVES_FIRST:
        session.execute(delete(model))
    session.execute(update(m.Service).values(referred_by_id=None))
    session.execute(delete(m.Service))
    session.execute(delete(m.Organization))
    session.expire_all()
    return session


@pytest.fixture
def add(empty: Session) -> Add:
    """`add("Clinic", "health", parish="Saint John", ...)` makes a service and returns its id."""
    office = m.Organization(id=uuid.uuid4(), name="Office")
    empty.add(office)
    empty.flush()

    def make(
        name: str,
        *needs: str,
        also: tuple[str, ...] = (),
        parish: str | None = None,
        place: str | None = None,
        address: str | None = None,
        phone: str | None = None,
        verified: bool = False,
        demo: bool = False,
        speaks: tuple[str, ...] = (),
        serves: tuple[str, ...] = (),
        hidden_place: bool = False,
        hidden_phone: bool = False,
        documents: tuple[str, ...] = (),
        opening: dict[str, Any] | None = None,
        **values: Any,
    ) -> uuid.UUID:
        service = uuid.uuid4()
        empty.add(m.Service(id=service, organization_id=office.id, name=name, **values))
        empty.flush()
        empty.add_all(m.ServiceNeed(service_id=service, need=need, rank=0) for need in needs)
        empty.add_all(m.ServiceNeed(service_id=service, need=need, rank=1) for need in also)
        empty.add_all(m.SpokenLanguage(service_id=service, code=code) for code in speaks)
        empty.add_all(m.ServiceArea(service_id=service, parish=area) for area in serves)
        empty.add_all(m.RequiredDocument(service_id=service, document=document) for document in documents)
        if opening:
            empty.add(m.Schedule(service_id=service, freq="WEEKLY", **opening))
        if phone:
            seen = {"verified_by": "A. Clerk", "verified_on": date(2026, 11, 1)} if verified else {}
            empty.add(m.Phone(service_id=service, number=phone, demo=demo, confidential=hidden_phone, **seen))
        if parish:
            location = m.Location(id=uuid.uuid4(), parish=parish, place=place, confidential=hidden_place)
            empty.add(location)
            empty.flush()
            empty.add(m.ServiceAtLocation(service_id=service, location_id=location.id))
            empty.add_all([m.LocationAddress(location_id=location.id, address_1=address)] if address else [])
        empty.flush()
        return service

    return make
