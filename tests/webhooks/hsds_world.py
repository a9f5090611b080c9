"""Beside the seed: a service with something in every table, and a refuge that nobody may find. Removed afterwards."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import Base

REAL, HIDDEN, UNLISTED = "+17675550101", "+17675550102", "+17675550103"
# What may never be seen: each stands once in the rows of the refuge, its house, its programme and its people.
SECRETS = {
    "organization": "Zandoli House Trust", "service": "Zandoli Night Refuge", "description": "quiet yellow gate",
    "place": "Zandoli Cottage", "street": "Mabouya Lane", "phone": HIDDEN, "contact": "Sister Ernestine Malgretoute",
    "email": "night@zandoli.example", "programme": "Zandoli Passage", "hidden phone": UNLISTED,
    "hidden place": "Crapaud Annex", "area": "Zandoli catchment", "alert": "the back stair is open",
    "money": "Mabouya Endowment", "register": "ZND-4471", "beds": "Zandoli bunk", "shared line": "+17675550188",
}  # fmt: skip


@dataclass
class World:
    """Ids of what was made."""

    full: uuid.UUID
    refuge: uuid.UUID
    office: uuid.UUID
    hidden_ids: tuple[uuid.UUID, ...]


@contextmanager
def make_world(sessions: sessionmaker[Session]) -> Iterator[World]:
    """Commit the rows; take them out again when the block ends."""
    world, rows = write_world(sessions)
    try:
        yield world
    finally:
        with sessions() as session, session.begin():
            for row in reversed(rows):
                key: Any = type(row).__mapper__.primary_key
                values = [getattr(row, column.key) for column in key]
                session.execute(delete(type(row)).where(*(c == v for c, v in zip(key, values, strict=True))))


def write_world(sessions: sessionmaker[Session]) -> tuple[World, list[Base]]:
    """Commit the rows; they stay."""
    rows: list[Base] = []
    with sessions() as session, session.begin():
        return _refuge(session, rows, _full(session, rows)), rows


def _put(session: Session, rows: list[Base], *new: Base) -> None:
    for row in new:
        session.add(row)
        session.flush()
        rows.append(row)


def _full(session: Session, rows: list[Base]) -> uuid.UUID:
    """A service with a row in every table that hangs on one; a number and a place of it are confidential."""
    o, p, s, place, at, c, hidden = (uuid.uuid4() for _ in range(7))
    seen: dict[str, Any] = {"verified_by": "A. Clerk", "verified_on": date(2026, 11, 1)}
    opens: dict[str, Any] = {"byday": "MO,TU", "opens_at": time(8), "closes_at": time(16), "on_holidays": "closed"}
    _put(
        session, rows,
        m.Organization(id=o, name="Open Office", description="For all", website="https://example.org"),
        m.Program(id=p, organization_id=o, name="Open doors", description="A programme"),
        m.Service(id=s, organization_id=o, program_id=p, name="Open Office desk", description="Help with forms",
                  minimum_age=16, open_to_migrants="yes", assured_date=date(2026, 11, 1)),
        m.ServiceNeed(service_id=s, need="documents"),
        m.Location(id=place, organization_id=o, name="Open House", parish="Saint John", place="Portsmouth",
                   latitude=15.58, longitude=-61.46),
        m.Location(id=hidden, organization_id=o, name=SECRETS["hidden place"], parish="Saint John", confidential=True),
        m.LocationAddress(location_id=place, address_1="1 Bay Street", city="Portsmouth", state_province="Saint John"),
        m.LocationAddress(location_id=hidden, address_1=SECRETS["street"] + " 2"),
        m.ServiceAtLocation(id=at, service_id=s, location_id=place, description="Ground floor"),
        m.ServiceAtLocation(service_id=s, location_id=hidden, description=SECRETS["hidden place"]),
        m.Accessibility(location_id=place, description="Ramp"),
        m.DirectoryContact(id=c, service_id=s, name="Desk officer"),
        m.DirectoryContact(organization_id=o, name="Head"),
        m.DirectoryContact(location_id=place, name="Caretaker"),
        m.DirectoryContact(service_at_location_id=at, name="Clerk"),
        m.Phone(service_id=s, number=REAL, **seen),
        m.Phone(service_id=s, number=UNLISTED, confidential=True, **seen),
        m.Phone(organization_id=o, number="+17675550104", **seen),
        m.Phone(location_id=place, number="+17675550105", channel="whatsapp", **seen),
        m.Phone(service_at_location_id=at, number="+17675550106", **seen),
        m.Phone(contact_id=c, number="+17675550107", **seen),
        m.Schedule(service_id=s, **opens), m.Schedule(location_id=place, **opens),
        m.Schedule(service_at_location_id=at, **opens),
        m.SpokenLanguage(service_id=s, code="ht", name="Haitian Creole"),
        m.SpokenLanguage(location_id=place, code="en", name="English"),
        m.CostOption(service_id=s, currency="XCD", amount=Decimal("20.5"), option="A form"),
        m.RequiredDocument(service_id=s, document="Identification", migrants_only=True),
        m.ServiceArea(service_id=s, name="North", parish="Saint John"),
        m.ServiceArea(service_at_location_id=at, name="Portsmouth"),
        m.Url(service_id=s, url="https://example.org/desk"), m.Url(organization_id=o, url="https://example.org/"),
        m.ServiceText(service_id=s, field="name", language="ht", text="Biwo"),
        m.Attribute(link_id=s, link_entity="service", value="wheelchairs", label="Lends"),
        m.Taxonomy(id=(taxonomy := uuid.uuid4()), name="A list of others"),
        m.TaxonomyTerm(id=(term := uuid.uuid4()), taxonomy_id=taxonomy, name="Desks"),
        m.Attribute(link_id=s, link_entity="service", taxonomy_term_id=term),
        m.OrganizationIdentifier(organization_id=o, identifier_scheme="DM-CIPO", identifier_type="Company number",
                                 identifier="1234567"),
        m.Funding(organization_id=o, source="A grant"), m.Funding(organization_id=o, service_id=s, source="Fees"),
        m.Unit(id=(unit := uuid.uuid4()), name="place"),
        m.ServiceCapacity(service_id=s, unit_id=unit, available=Decimal(4), maximum=Decimal("9.5"),
                          updated=datetime(2026, 11, 1, 8, tzinfo=UTC)),
    )  # fmt: skip
    return s


def _refuge(session: Session, rows: list[Base], office: uuid.UUID) -> World:
    """A confidential service with all that hangs on it; only the service is marked, as an editor may leave it."""
    o, p, s, place, at, c, unit = (uuid.uuid4() for _ in range(7))
    other = session.get_one(m.Service, office).organization_id  # what hangs on both is as secret as the refuge
    shared = session.scalars(select(m.Location.id).where(m.Location.name == "Open House")).one()
    seen: dict[str, Any] = {"verified_by": "A. Clerk", "verified_on": date(2026, 11, 1)}
    _put(
        session, rows,
        m.Organization(id=o, name=SECRETS["organization"], description=SECRETS["description"]),
        m.Program(id=p, organization_id=o, name=SECRETS["programme"]),
        m.Service(id=s, organization_id=o, program_id=p, name=SECRETS["service"], description=SECRETS["description"],
                  alert=SECRETS["alert"], email=SECRETS["email"], confidential=True, referred_by_id=office),
        m.ServiceNeed(service_id=s, need="shelter"),
        m.Location(id=place, organization_id=o, name=SECRETS["place"], parish="Saint Luke", place="Pointe Michel",
                   latitude=15.2599, longitude=-61.3777),
        m.LocationAddress(location_id=place, address_1=SECRETS["street"]),
        m.ServiceAtLocation(id=at, service_id=s, location_id=place, description=SECRETS["place"]),
        m.ServiceArea(service_id=s, name=SECRETS["area"], parish="Saint Luke"),
        m.DirectoryContact(id=c, service_id=s, name=SECRETS["contact"], email=SECRETS["email"]),
        m.DirectoryContact(organization_id=o, name=SECRETS["contact"]),
        m.Phone(service_id=s, number=HIDDEN, **seen), m.Phone(location_id=place, number=HIDDEN, **seen),
        m.Phone(organization_id=o, number=HIDDEN, **seen), m.Phone(contact_id=c, number=HIDDEN, **seen),
        m.Url(service_id=s, url="https://zandoli.example/"),
        m.FieldChange(resource_id=s, resource_type="service", last_action_type="update", field_name="name",
                      previous_value=SECRETS["service"], replacement_value=SECRETS["service"], updated_by="A. Clerk"),
        m.Attribute(link_id=s, link_entity="service", value=SECRETS["place"]),
        m.OrganizationIdentifier(organization_id=o, identifier_type="Company number", identifier=SECRETS["register"]),
        m.Unit(id=unit, name=SECRETS["beds"]),
        m.ServiceCapacity(service_id=s, unit_id=unit, available=Decimal(4), updated=datetime(2026, 11, 1, tzinfo=UTC)),
        m.Funding(service_id=s, organization_id=other, source=SECRETS["money"]),
        m.Phone(service_id=s, organization_id=other, location_id=shared, number=SECRETS["shared line"], **seen),
        m.DirectoryContact(service_id=s, organization_id=other, location_id=shared, name=SECRETS["contact"]),
        m.Schedule(service_id=s, location_id=shared, byday="SU", notes=SECRETS["alert"]),
    )  # fmt: skip
    return World(office, s, office, (o, p, s, place, at, c, unit))
