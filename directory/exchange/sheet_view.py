"""The directory as lines of the one-sheet spreadsheet: the cells of each service and of each of its places."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from base.db import Base
from directory import models as m
from directory.exchange import sheet_more, sheet_records, words
from directory.exchange.sheet_columns import NAMES, OF_PLACE, TEXTS
from directory.exchange.tables import Row
from directory.needs import NEEDS

Cells = dict[str, str]
WHOLE_ISLAND = "whole island"
ASSUMED = " (assumed)"


@dataclass(slots=True)
class Place:
    """A place of a service: its cells, and the rows behind them."""

    cells: Cells
    at: Row
    location: Row
    addresses: list[Row] = field(default_factory=list)
    access: list[Row] = field(default_factory=list)


class View:
    """What the sheet can show of the exchanged rows."""

    def __init__(self, rows: dict[type[Base], list[Row]]) -> None:
        self.services = {row["id"]: row for row in rows[m.Service]}
        self.organizations = {row["id"]: row["name"] for row in rows[m.Organization]}
        self.former = {row["name"]: row["organization_id"] for row in rows[m.OrganizationName]}
        self.locations = {row["id"]: row for row in rows[m.Location] if row["location_type"] == "physical"}
        kinds: tuple[type[Base], ...] = (
            m.Phone,
            m.Schedule,
            m.SpokenLanguage,
            m.RequiredDocument,
            m.ServiceNeed,
            m.ServiceArea,
            m.ServiceText,
            m.CostOption,
        )
        kinds += (m.ServiceAtLocation,)
        own = {model: list(filter(sheet_records.of_service_alone, rows[model])) for model in sheet_records.PLAIN}
        rows[m.ServiceAtLocation] = [one for one in rows[m.ServiceAtLocation] if one["retired_on"] is None]
        self.held = {model: _grouped(own.get(model, rows[model]), "service_id") for model in kinds}
        self.records = sheet_records.Held(rows)
        self.addresses = _grouped(rows[m.LocationAddress], "location_id")
        self.access = _grouped(rows[m.Accessibility], "location_id")
        self.users = _grouped(rows[m.ServiceAtLocation], "location_id")

    def lines(self) -> Iterator[Cells]:
        """Every line, by organisation, service and id."""
        ids = {key: (self.cells(key)["organisation"], self.cells(key)["service"], key) for key in self.services}
        for key in sorted(ids, key=lambda one: ids[one]):
            cells, hidden = self.cells(key), ["service"] if self.services[key]["confidential"] else []
            nowhere: list[tuple[Cells, bool]] = [(dict.fromkeys(OF_PLACE, ""), False)]
            for at_place, secret in [(one.cells, one.location["confidential"]) for one in self.places(key)] or nowhere:
                flags = [*hidden, *(["place"] if secret else [])]
                line = cells | at_place | {"confidential": "; ".join(flags), "id": str(key)}
                yield {name: line[name] for name in NAMES}

    def cells(self, key: uuid.UUID) -> Cells:
        """The cells that belong to a service."""
        row = self.services[key]
        held = {model: groups.get(key, []) for model, groups in self.held.items()}
        found = {name: words.tidy(row[column] or "") for name, column in TEXTS.items()}
        source_date = row["source_date"].isoformat() if row["source_date"] else str(row["source_year"] or "")
        return found | {
            "organisation": words.tidy(self.organizations[row["organization_id"]]),
            "status": row["status"],
            "needs": _needs(held[m.ServiceNeed], also=False),
            "also_helps_with": _needs(held[m.ServiceNeed], also=True),
            "serves": WHOLE_ISLAND if row["national"] else words.join(sorted({*map(area, showable(held)), ""})),
            "phones": words.join([words.phone(one) for one in in_order(held[m.Phone])]),
            "hours": words.join(words.hours(held[m.Schedule])),
            "languages": words.join(sorted({words.tidy(one["code"]) for one in held[m.SpokenLanguage]})),
            "takes_migrants": row["open_to_migrants"],
            "papers_asked": _papers(held[m.RequiredDocument], migrants=False),
            "papers_asked_of_migrants": _papers(held[m.RequiredDocument], migrants=True),
            "ages": ages(row["minimum_age"], row["maximum_age"]),
            "referring_office": str(row["referred_by_id"] or "") if row["confidential"] else "",
            "source_date": source_date,
            "more": sheet_more.written(row, held),
            "records": self.records.written(row),
        }

    def places(self, key: uuid.UUID) -> list[Place]:
        """The places of a service, in the order of what their cells say."""
        found = list[Place]()
        for at in self.held[m.ServiceAtLocation].get(key, ()):
            location = self.locations.get(at["location_id"])
            if location is not None:
                where = self.addresses.get(location["id"], []), self.access.get(location["id"], [])
                found.append(Place(place_cells(location, *where), at, location, *where))
        return sorted(found, key=lambda place: (*place.cells.values(), place.at["id"]))


def _grouped(rows: Sequence[Row], link: str) -> dict[uuid.UUID, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        if row[link] is not None:
            groups[row[link]].append(row)
    return groups


def place_cells(location: Row, addresses: Sequence[Row], access: Sequence[Row]) -> Cells:
    """The cells of a place."""
    village = (location["place"] or "") + ("" if location["place_confirmed"] or not location["place"] else ASSUMED)
    return {
        "parish": location["parish"] or "",
        "village": village,
        "address": words.tidy(addresses[0]["address_1"]) if addresses else "",
        "access": words.join(sorted({words.tidy(one["description"] or "") for one in access})),
        "latitude": "" if location["latitude"] is None else repr(location["latitude"]),
        "longitude": "" if location["longitude"] is None else repr(location["longitude"]),
        "place_id": str(location["id"]),
    }


def in_order(phones: Sequence[Row]) -> list[Row]:
    """Numbers as they are offered: by priority."""
    return sorted(phones, key=lambda one: (one["priority"], words.phone(one), one["id"]))


def showable(held: dict[type[Base], list[Row]]) -> list[Row]:
    """Areas that are a parish, or a village of one, and nothing else."""
    rows = held[m.ServiceArea]
    return [one for one in rows if one["parish"] and not any(one[n] for n in ("name", "description", "extent", "uri"))]


def area(row: Row) -> str:
    """An area as an item: "Saint Mark", or "Saint Mark: Soufriere"."""
    return f"{row['parish']}: {row['place']}" if row["place"] else str(row["parish"])


def ages(low: int | None, high: int | None) -> str:
    """Two ages as one cell."""
    given = ["" if one is None else str(one) for one in (low, high)]
    return "-".join(given) if any(given) else ""


def _needs(rows: Sequence[Row], *, also: bool) -> str:
    wanted = {row["need"]: row["part"] for row in rows if bool(row["rank"]) == also}
    return words.join([f"{need} (part)" if wanted[need] else need for need in NEEDS if need in wanted])


def _papers(rows: Sequence[Row], *, migrants: bool) -> str:
    return words.join(sorted({words.tidy(one["document"]) for one in rows if one["migrants_only"] is migrants}))
