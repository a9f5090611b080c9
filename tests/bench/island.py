"""A made-up island of any size: seeded services at places, with hours, languages, numbers and rules of many kinds."""

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, time
from typing import Any

import psycopg

from directory import places
from directory.needs import NEEDS

PLACES_PER_SERVICE = 1.2  # 100,000 services at 120,000 places
PATTERNS = [
    [("MO,TU,WE,TH,FR", time(8), time(16))],
    [
        ("MO", time(8), time(13)),
        ("MO", time(14), time(17)),
        ("TU,WE,TH,FR", time(8), time(13)),
        ("TU,WE,TH,FR", time(14), time(16)),
    ],
    [("MO,TU,WE,TH,FR,SA,SU", time(0), time(23, 59))],
    [("1MO", time(9), time(12))],
    [("FR,SA", time(20), time(2))],
]
AUDIENCES = ["", "", "", "", "women", "children youth", "elderly", "disability"]
TABLES = "service service_need location service_at_location phone schedule language required_document".split()
Row = tuple[Any, ...]


def fill(connection: psycopg.Connection[Any], services: int, seed: int = 20261123) -> int:
    """Put an island of this many services into an empty directory. Returns the number of places."""
    rows = Rows(random.Random(seed), services)
    with connection.cursor() as cursor:
        for table, columns, made in rows.tables():
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in made:
                    copy.write_row(row)
    connection.commit()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.commit()
    return rows.places


class Rows:
    """The rows, table by table, always the same for the same seed."""

    def __init__(self, chance: random.Random, services: int) -> None:
        self.chance, self.places = chance, 0
        self.services = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(services)]
        self.offices = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(max(1, services // 4))]
        self.villages = places.all_places()

    def tables(self) -> Iterator[tuple[str, str, Sequence[Row]]]:
        located = self._located()
        yield "organization", "id, name", [(one, f"Office {n}") for n, one in enumerate(self.offices)]
        yield (
            "service",
            "id, organization_id, name, audience, open_to_migrants, national, confidential, status, fees_description",
            [self._service(n, one) for n, one in enumerate(self.services)],
        )
        yield "service_need", "service_id, need, rank, part", [row for one in self.services for row in self._needs(one)]
        yield "location", "id, name, parish, place, confidential", [row[1:] for row in located]
        yield "service_at_location", "id, service_id, location_id", [(self._id(), row[0], row[1]) for row in located]
        yield "phone", "id, service_id, number, verified_by, verified_on", list(self._phones())
        yield (
            "schedule", "id, service_id, freq, interval, byday, opens_at, closes_at, on_holidays",
            list(self._schedules()),
        )  # fmt: skip
        yield (
            "language",
            "id, service_id, code",
            [(self._id(), one, code) for one in self.services for code in ("en", "ht", "acf") if self._in(0.5)],
        )
        yield (
            "required_document",
            "id, service_id, document",
            [(self._id(), one, "identification") for one in self.services if self._in(0.2)],
        )

    def _located(self) -> list[Row]:
        made: list[Row] = []
        for one in self.services:
            for _ in range(1 + self._in(PLACES_PER_SERVICE - 1)):
                village = self.chance.choice(self.villages)
                made.append((one, self._id(), f"Place {len(made)}", village.parish, village.name, self._in(0.01)))
        self.places = len(made)
        return made

    def _service(self, number: int, key: uuid.UUID) -> Row:
        choose = self.chance.choice
        return (
            key, choose(self.offices), f"Service {number}", choose(AUDIENCES) or None, choose(["yes", "no", "unknown"]),
            self._in(0.02), self._in(0.01), "active", choose([None, "EC$20", "free"]),
        )  # fmt: skip

    def _needs(self, key: uuid.UUID) -> Iterator[Row]:
        for rank, need in enumerate(self.chance.sample(NEEDS, self.chance.choice([1, 1, 2]))):
            yield key, need, rank, self._in(0.1)

    def _phones(self) -> Iterator[Row]:
        for number, key in enumerate(self.services):
            seen = ("A. Clerk", date(2026, 11, 1)) if self._in(0.6) else (None, None)
            yield self._id(), key, f"+1767555{100 + number % 100:04}", *seen

    def _schedules(self) -> Iterator[Row]:
        for key in self.services:
            on_holidays = self.chance.choice(["closed", "open", "unknown"])
            for byday, opens, closes in self.chance.choice(PATTERNS) if self._in(0.7) else []:
                freq = "MONTHLY" if byday[0].isdigit() else "WEEKLY"
                yield self._id(), key, freq, 1, byday, opens, closes, on_holidays

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self.chance.getrandbits(128), version=4)

    def _in(self, share: float) -> bool:
        return self.chance.random() < share
