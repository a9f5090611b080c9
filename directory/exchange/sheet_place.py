"""The places of a service in the sheet: which are new, which moved, which are gone."""

import uuid
from collections.abc import Sequence
from typing import Any

from base.db import Base
from directory import models as m
from directory import places
from directory.exchange import words
from directory.exchange.sheet_columns import OF_PLACE, PARISHES
from directory.exchange.sheet_records import Recorded
from directory.exchange.sheet_service import Told
from directory.exchange.sheet_view import ASSUMED, Cells, Place, View
from directory.exchange.tables import Row
from directory.seed_rows import seed_id


class Places:
    """The place cells of one service against its places here. `rows` and `gone` are for the database."""

    def __init__(self, view: View, key: uuid.UUID, name: str, told: Told, recorded: Recorded) -> None:
        self.view, self.key, self.name, self.told, self.recorded = view, key, name, told, recorded
        self.here = view.places(key) if key in view.services else []
        self.rows = list[tuple[type[Base], Row]]()
        self.gone = list[tuple[type[Base], Row]]()

    def take(self, lines: Sequence[tuple[int, Cells, bool]]) -> None:
        """(row number, cells, confidential) of each line."""
        left, fresh = list(self.here), list[tuple[int, Cells, bool]]()
        for number, cells, hidden in lines:
            wanted = {name: cells.get(name, "") for name in OF_PLACE}
            if not any(wanted.values()):
                continue
            same = next((one for one in left if _same(one, wanted) and one.location["confidential"] == hidden), None)
            if same:
                left.remove(same)
            else:
                fresh.append((number, wanted, hidden))
        for place in list(left):
            known = [one for one in fresh if one[1]["place_id"] == str(place.location["id"])]
            if not known and len(left) == len(fresh) == 1 and not fresh[0][1]["place_id"]:
                known = fresh
            if known and len(self.view.users[place.location["id"]]) == 1:
                left.remove(place)
                number, wanted, hidden = known[0]
                fresh.remove(known[0])
                self._move(place, number, wanted, hidden)
        for order, (number, wanted, hidden) in enumerate(fresh):
            self._new(order, number, wanted, hidden)
        self.gone += [(m.ServiceAtLocation, one.at) for one in left]

    def _move(self, place: Place, number: int, cells: Cells, hidden: bool) -> None:
        key = place.location["id"]
        self.rows.append((m.Location, {"id": key, "confidential": hidden} | self._location(number, cells)))
        if place.addresses and cells["address"] and cells["address"] != place.cells["address"]:
            self.rows.append((m.LocationAddress, {"id": place.addresses[0]["id"]} | _address(cells)))
        elif place.addresses and not cells["address"]:
            self.gone.append((m.LocationAddress, place.addresses[0]))
        elif cells["address"] and not place.addresses:
            self._address(key, cells)
        if cells["access"] != place.cells["access"]:
            kept = set(words.split(cells["access"]))
            self.gone += [(m.Accessibility, r) for r in place.access if words.tidy(r["description"] or "") not in kept]
            self._access(key, kept - {words.tidy(row["description"] or "") for row in place.access})

    def _new(self, order: int, number: int, cells: Cells, hidden: bool) -> None:
        taken = {one.location["id"] for one in self.here}
        shown = [cells[name] for name in OF_PLACE if name != "place_id"]
        made = (seed_id("sheet", str(self.key), "location", *shown, str(n)) for n in range(order, order + 999))
        key = self._given(number, cells["place_id"]) or next(one for one in made if one not in taken)
        own = {"id": key, "location_type": "physical", "confidential": hidden}
        own |= {} if (m.Location, key) in self.recorded else {"name": self.name}
        self.rows.append((m.Location, own | self._location(number, cells)))
        if not self._of(m.ServiceAtLocation, key):
            at = {"id": seed_id("sheet", str(self.key), str(key), "at"), "service_id": self.key, "location_id": key}
            self.rows.append((m.ServiceAtLocation, at))
        streets = {words.tidy(row["address_1"]) for row in self._of(m.LocationAddress, key)}
        if cells["address"] and cells["address"] not in streets:
            self._address(key, cells)
        known = {words.tidy(row["description"] or "") for row in self._of(m.Accessibility, key)}
        self._access(key, set(words.split(cells["access"])) - known)

    def _of(self, model: type[Base], location: uuid.UUID) -> list[Row]:
        """What the column `records` has of a place."""
        return [row for (kind, _), row in self.recorded.items() if kind is model and row["location_id"] == location]

    def _given(self, number: int, cell: str) -> uuid.UUID | None:
        """The id a row gives its place, where no place here has it; a copied row makes a place of its own."""
        try:
            key = uuid.UUID(cell) if cell else None
        except ValueError:
            self.told(number, "place_id", "is no id", "what the export wrote, or nothing for a new place")
            return None
        used = key in self.view.locations or any(row["id"] == key for model, row in self.rows if model is m.Location)
        return None if used else key

    def _address(self, location: uuid.UUID, cells: Cells) -> None:
        row = {"id": seed_id("sheet", str(location), "address"), "location_id": location}
        self.rows.append((m.LocationAddress, row | _address(cells)))

    def _access(self, location: uuid.UUID, texts: set[str]) -> None:
        for text in sorted(texts):
            row = {"id": seed_id("sheet", str(location), "access", text), "location_id": location, "description": text}
            self.rows.append((m.Accessibility, row))

    def _location(self, number: int, cells: Cells) -> Row:
        parish, village = cells["parish"], cells["village"].removesuffix(ASSUMED)
        known = places.place_named(village) if village else None
        if parish and parish not in PARISHES:
            self.told(number, "parish", "is not one of the ten", ", ".join(PARISHES))
        elif village and known is None:
            self.told(number, "village", "is not in the list of places", "a name as in the drop-down list")
        elif known and known.parish != parish:
            self.told(number, "village", "is not in that parish", f"parish {known.parish}")
        latitude, longitude = (self._degrees(number, name, cells) for name in ("latitude", "longitude"))
        return {
            "parish": parish or None, "place": village or None, "latitude": latitude, "longitude": longitude,
            "place_confirmed": not cells["village"].endswith(ASSUMED),
        }  # fmt: skip

    def _degrees(self, number: int, name: str, cells: Cells) -> float | None:
        try:
            value = float(cells[name]) if cells[name] else None
        except ValueError:
            value = 999.0
        if value is not None and not -180 <= value <= 180:
            self.told(number, name, "is no number of degrees", "15.3 for latitude, -61.38 for longitude")
            return None
        return value


def _same(place: Place, wanted: Cells) -> bool:
    return place.cells == wanted or (not wanted["place_id"] and place.cells | {"place_id": ""} == wanted)


def _address(cells: Cells) -> dict[str, Any]:
    city = cells["village"].removesuffix(ASSUMED)
    return {"address_1": cells["address"], "city": city, "state_province": cells["parish"]}
