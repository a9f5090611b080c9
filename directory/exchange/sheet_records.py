"""The column `records` of the sheet: whole rows, with ids, of what hangs on a place, a contact or the organization.

The other columns show a service and where it is; a number of one counter, hours of one clinic, who checked an address,
or what an organization was called before have no column a clerk would fill in, and would be lost on the way.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from base.db import Base
from directory import models as m
from directory.exchange import cells
from directory.exchange.put import defaults
from directory.exchange.tables import Row, columns, target

OWNERS = ("service_id", "organization_id", "location_id", "service_at_location_id", "contact_id")
MODELS: tuple[type[Base], ...] = (
    m.Organization, m.OrganizationName, m.OrganizationIdentifier, m.Program, m.Funding, m.Unit, m.ServiceCapacity,
    m.Location, m.LocationAddress, m.Accessibility, m.ServiceAtLocation,
    m.DirectoryContact, m.Url, m.Phone, m.Schedule, m.SpokenLanguage, m.ServiceArea,
)  # fmt: skip
PLAIN: tuple[type[Base], ...] = (m.Phone, m.Schedule, m.SpokenLanguage)  # of a service alone: in columns of their own
LINKS = ("organization_id", "program_id", "referred_by_id")  # of the service's own row
EXPECTED = "what the export wrote, or nothing"
Recorded = dict[tuple[type[Base], uuid.UUID], Row]


def of_service_alone(row: Row) -> bool:
    """Whether a number, hour or language hangs on its service and on nothing else."""
    return bool(row.get("service_id")) and not any(row.get(name) for name in OWNERS if name != "service_id")


class Held:
    """The exchanged rows, by what they hang on."""

    def __init__(self, rows: dict[type[Base], list[Row]]) -> None:
        known = (m.Organization, m.Program, m.Location, m.Unit)
        self.by_id = {model: {row["id"]: row for row in rows[model]} for model in known}
        self.by_owner: dict[tuple[type[Base], str], dict[uuid.UUID, list[Row]]] = {}
        for model in MODELS:
            for name in OWNERS:
                if name in model.__table__.columns:
                    groups = defaultdict(list)
                    for row in rows[model]:
                        groups[row[name]].append(row)
                    self.by_owner[model, name] = groups

    def written(self, service: Row) -> str:
        """The cell of a service."""
        found = {"service": [_written(m.Service, {name: service[name] for name in LINKS if service[name]})]}
        if service["confidential"]:
            found["service"][0].pop("referred_by_id", None)  # it has a column
        for model, rows in self._rows(service):
            if rows:
                found[model.__tablename__] = [_written(model, row) for row in sorted(rows, key=lambda one: one["id"])]
        text = json.dumps(found, separators=(",", ":"))
        return text.replace("\x7f", "\\u007f").replace("_x", "\\u005fx")

    def _rows(self, service: Row) -> Iterator[tuple[type[Base], list[Row]]]:
        sites = self.by_owner[m.ServiceAtLocation, "service_id"].get(service["id"], [])
        locations = [one for s in sites if (one := self.by_id[m.Location].get(s["location_id"]))]
        offices = self._offices(service, locations)
        owners: dict[str, list[uuid.UUID]] = {
            "service_id": [service["id"]], "organization_id": [one["id"] for one in offices],
            "location_id": [one["id"] for one in locations], "service_at_location_id": [one["id"] for one in sites],
        }  # fmt: skip
        owners["contact_id"] = [one["id"] for one in self._hanging(m.DirectoryContact, owners)]
        yield m.Organization, offices
        yield m.Location, locations
        yield m.ServiceAtLocation, sites
        counted = {one["unit_id"] for one in self._hanging(m.ServiceCapacity, owners)}
        yield m.Unit, [self.by_id[m.Unit][key] for key in counted]
        for model in MODELS:
            if model not in {m.Organization, m.Location, m.ServiceAtLocation, m.Unit}:
                yield model, self._hanging(model, owners)

    def _offices(self, service: Row, locations: Sequence[Row]) -> list[Row]:
        """The organizations that rows of this service name, and those above them."""
        program = self.by_id[m.Program].get(service["program_id"], {})
        found: dict[uuid.UUID, Row] = {}
        for start in (service, program, *locations):
            key = start.get("organization_id")
            while key and key in self.by_id[m.Organization] and key not in found:
                found[key] = self.by_id[m.Organization][key]
                key = found[key]["parent_organization_id"]
        return list(found.values())

    def _hanging(self, model: type[Base], owners: dict[str, list[uuid.UUID]]) -> list[Row]:
        found: dict[uuid.UUID, Row] = {}
        for name, keys in owners.items():
            groups = self.by_owner.get((model, name), {})
            found |= {row["id"]: row for key in keys for row in groups.get(key, ())}
        return [row for row in found.values() if not _shown(model, row)]


def _shown(model: type[Base], row: Row) -> bool:
    if model is m.ServiceArea:
        plain = row["parish"] and not any(row[name] for name in ("name", "description", "extent", "uri"))
        return bool(plain) and of_service_alone(row)
    return model in PLAIN and of_service_alone(row)


def _written(model: type[Base], row: Row) -> dict[str, str]:
    plain = defaults(model)
    return {name: cells.written(value) for name, value in row.items() if name == "id" or value != plain.get(name)}


def read(cell: str) -> tuple[Row, Recorded]:
    """The links of the service, and the rows. Raises ValueError with a sentence."""
    try:
        found = json.loads(cell) if cell else {}
        links = _values(m.Service, (found.pop("service", None) or [{}])[0])
        rows: Recorded = {}
        for model in MODELS:
            for given in found.pop(model.__tablename__, ()):
                row = defaults(model) | _values(model, given)
                rows[model, row["id"]] = row
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise ValueError(f"is not what an export writes; expected: {EXPECTED}") from None
    if found or not set(links) <= set(LINKS) or any(key is None for _, key in rows):
        raise ValueError(f"is not what an export writes; expected: {EXPECTED}")
    return links, rows


def _values(model: type[Base], given: dict[str, str]) -> Row:
    table = {column.name: column for column in columns(model)}
    return {name: cells.reader(model, table[name])(text) for name, text in given.items()}


def without(rows: Recorded, gone: Iterable[uuid.UUID]) -> Recorded:
    """The rows that do not hang on any that is gone, nor are gone themselves."""
    lost, size = set(gone), -1
    while len(lost) > size:
        size = len(lost)
        lost |= {key for (model, key), row in rows.items() if any(row[name] in lost for name in _links(model))}
    return {known: row for known, row in rows.items() if known[1] not in lost}


def _links(model: type[Base]) -> list[str]:
    return [one.name for one in columns(model) if target(one) and one.name != "parent_organization_id"]
