"""Made-up rows for every table that is exchanged, with the texts that files choke on; always the same for a seed."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

import directory.models as m
from base.db import Base
from directory import places
from directory.exchange import put, words
from directory.exchange.tables import MODELS, Row
from directory.needs import NEEDS

TEXTS = (
    "Plain", "=1+1", "+a", "-a", "@a", "'quoted", "''", "Kwéyòl ò è", 'say "no"', "a;b, c", "two\nlines", "tab\there",
    "\\;\\\\", "(x) [y]", "ends in \\", "emoji \U0001f9e1", "C:\\new",
)  # fmt: skip


def wipe(session: Session) -> None:
    """Nothing is left of the directory."""
    session.execute(update(m.Service).values(referred_by_id=None))
    session.execute(update(m.Organization).values(parent_organization_id=None))
    session.execute(update(m.TaxonomyTerm).values(parent_id=None))
    models: list[Any] = [m.SeedRow, m.CheckTask, *reversed(MODELS)]
    for model in models:
        session.execute(delete(model))
    session.expire_all()


def fill(session: Session, chance: random.Random, services: int, texts: Sequence[str] = TEXTS) -> None:
    """Put a made-up directory into an empty one."""
    for model, rows in World(chance, services, texts).rows.items():
        complete = [{name: row.get(name, value) for name, value in put.defaults(model).items()} for row in rows]
        put.insert(session, model, complete)


class World:
    """The rows by table."""

    def __init__(self, chance: random.Random, services: int, texts: Sequence[str]) -> None:
        self.chance, self.texts = chance, texts
        self.names = [one for one in texts if words.tidy(one)]
        self.rows: dict[type[Base], list[Row]] = {model: [] for model in MODELS}
        for _ in range(max(1, services // 2)):
            self._organization()
        taxonomy = self._add(m.Taxonomy, name=self._text(), description=self._text(), uri=self._maybe())
        root = self._add(m.TaxonomyTerm, name=self._text(), taxonomy_id=taxonomy, code="A")
        self.beds = self._add(m.Unit, name=self._text(), identifier=self._maybe())
        self.terms = [root, self._add(m.TaxonomyTerm, name=self._text(), taxonomy_id=taxonomy, parent_id=root)]
        for _ in range(services):
            self._service()

    def _organization(self) -> None:
        parents = [row["id"] for row in self.rows[m.Organization]]
        parent = self.chance.choice([None, *parents])
        key = self._add(
            m.Organization, name=self._text(), alternate_name=self._maybe(), description=self._text(),
            parent_organization_id=parent, year_incorporated=self.chance.choice([None, 1999]),
            name_valid_from=date(2020, 1, 2),
        )  # fmt: skip
        self._add(m.OrganizationName, organization_id=key, name=self._text(), valid_to=date(2019, 12, 31))
        self._add(m.Program, organization_id=key, name=self._text(), description=self._text())
        self._add(m.Url, organization_id=key, url="https://example.org", label=self._maybe())
        self._add(m.OrganizationIdentifier, organization_id=key, identifier_type=self._text(), identifier=self._text())
        self._add(m.Funding, organization_id=key, source=self._maybe())
        person = self._add(m.DirectoryContact, organization_id=key, name=self._text(), email="a@example.org")
        for owner in ({"organization_id": key}, {"contact_id": person}):
            self._add(m.Phone, number="+17675550177", description=self._maybe(), priority=2, **owner)

    def _service(self) -> None:
        program = self.chance.choice(self.rows[m.Program])
        low = self.chance.choice([None, 0, 12])
        key = self._add(
            m.Service, organization_id=self.chance.choice(self.rows[m.Organization])["id"], program_id=program["id"],
            name=self._text(), description=self._maybe(), minimum_age=low, maximum_age=self.chance.choice([None, 17]),
            status=self.chance.choice(["active", "defunct"]), eligibility_description=self._maybe(),
            fees_description=self._maybe(), alert=self._maybe(), national=self._coin(), source=self._maybe(),
            open_to_migrants=self.chance.choice(["yes", "no", "unknown"]), source_year=self.chance.choice([None, 2024]),
            referred_by_id=self.chance.choice([None, *(row["id"] for row in self.rows[m.Service])]),
            last_modified=datetime(2026, 3, 4, 5, 6, 7, 123456, UTC), confidence=self._maybe(),
        )  # fmt: skip
        for need in self.chance.sample(NEEDS, 2):
            self._add(
                m.ServiceNeed, service_id=key, need=need, rank=self.chance.randrange(2), part=self._coin(), id=None
            )
        self._add(m.ServiceText, service_id=key, field="name", language="ht", text=self._text(), reviewed_by="A. Clerk")
        self._reach(service_id=key)
        self._add(m.SpokenLanguage, service_id=key, code=self.chance.choice(["ht", "acf"]), note=self._maybe())
        self._add(m.CostOption, service_id=key, amount=self.chance.choice([None, Decimal("20.5"), Decimal(7)]))
        for document in self.chance.sample(self.texts, min(2, len(self.texts))):
            self._add(m.RequiredDocument, service_id=key, document=document or "paper", migrants_only=self._coin())
        self._add(m.Funding, service_id=key, source=self._maybe(),
                  organization_id=self.chance.choice([None, self.rows[m.Organization][0]["id"]]))  # fmt: skip
        self._add(m.ServiceCapacity, service_id=key, unit_id=self.beds, available=self.chance.randrange(9),
                  maximum=self.chance.choice([None, Decimal("9.5")]), description=self._maybe(),
                  updated=datetime(2026, 3, 4, 5, 6, 7, 123000, UTC))  # fmt: skip
        self._add(m.ServiceArea, service_id=key, parish="Saint Mark", name=self._maybe())
        self._add(m.Url, service_id=key, url="https://example.org/x")
        self._add(
            m.Attribute, link_id=key, link_entity="service", taxonomy_term_id=self.chance.choice(self.terms),
            value=self._maybe(),
        )  # fmt: skip
        for _ in range(self.chance.randrange(3)):
            self._location(key)

    def _location(self, service: uuid.UUID) -> None:
        village = self.chance.choice(places.all_places())
        key = self._add(
            m.Location, organization_id=self.rows[m.Organization][0]["id"], name=self._maybe(), parish=village.parish,
            place=village.name, latitude=15.25, longitude=-61.375, place_confirmed=self._coin(),
        )  # fmt: skip
        self._add(m.LocationAddress, location_id=key, address_1=self._text(), city=village.name, source=self._maybe(),
                  address_2=self._maybe(), source_date=date(2026, 5, 6), verified_by="A. Clerk",
                  verified_on=date(2026, 11, 1), next_check_due=date(2027, 5, 1))  # fmt: skip
        self._add(m.Accessibility, location_id=key, description=self._maybe(), details=self._maybe())
        at = self._add(m.ServiceAtLocation, service_id=service, location_id=key, description=self._maybe())
        person = self._add(m.DirectoryContact, service_at_location_id=at, service_id=service, name=self._text())
        self._reach(service_at_location_id=at, contact_id=person)
        self._reach(location_id=key)

    def _reach(self, contact_id: uuid.UUID | None = None, **owner: uuid.UUID) -> None:
        seen: Row = {"verified_by": "A. Clerk", "verified_on": date(2026, 11, 1)} if self._coin() else {}
        self._add(
            m.Phone, number=f"+1767555{100 + self.chance.randrange(100):04}", description=self._maybe(),
            extension=self.chance.choice([None, 12]), channel=self.chance.choice(["voice", "whatsapp"]),
            toll_free=self._coin(), contact_id=contact_id, **owner, **seen,
        )  # fmt: skip
        rule: Row = self.chance.choice([
            {"byday": "MO,TU,WE", "opens_at": time(8), "closes_at": time(16)},
            {"byday": "1MO", "freq": "MONTHLY", "opens_at": time(9, 30), "closes_at": time(12, 0, 30)},
            {"bymonthday": "1,15", "freq": "MONTHLY", "notes": self._text(), "valid_to": date(2027, 1, 1)},
        ])  # fmt: skip
        self._add(m.Schedule, on_holidays=self.chance.choice(["open", "closed", "unknown"]), **owner, **rule)

    def _add(self, model: type[Base], **values: Any) -> uuid.UUID:
        key = uuid.UUID(int=self.chance.getrandbits(128), version=4)
        row = {"id": key} | values
        if model is m.ServiceNeed:
            del row["id"]
        self.rows[model].append(row)
        return key

    def _text(self) -> str:
        return self.chance.choice(self.names)

    def _maybe(self) -> str | None:
        return self.chance.choice([None, *self.texts]) or None

    def _coin(self) -> bool:
        return self.chance.random() < 0.5
