"""The directory as the search weighs it: one entry for each service at each place, in memory, grouped by need.

A process builds its index from the database and builds it again after any transaction that changed the directory
(`directory.freshness`). It holds what the order depends on; what is sent (names to tell, numbers, addresses) is read
from the database past the same rules on what is confidential (`directory.told`), and kept as long as the index.
"""

import uuid
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from directory.openings import Opens

T = TypeVar("T", bound=Hashable)
NO_PHONE, DEMO_PHONE, VERIFIED_PHONE = 0, 1, 2
FREE, FEE_UNKNOWN, FEE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class NeedMet:
    """A need a service meets. `also`: beside its main work; `part`: a part of the need; `hidden`: by referring."""

    need: str
    also: bool
    part: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a service is for: groups (none: everybody), and ages in years from and to."""

    groups: frozenset[str]
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms it is given, and what it can be reached by. `placed`: it is at a place that may be told."""

    open_to_migrants: str
    asks_papers: bool
    fee: int
    accessible: bool
    phone: int
    national: bool
    placed: bool


@dataclass(frozen=True, slots=True)
class Area:
    """Where it is and which other parishes it serves."""

    parish: str | None
    serves: frozenset[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A service at one of its places (or at none). Numbers point into the index's lists; degrees may be a village's.

    `key` is its place in the order of ids, which settles what nothing else does.
    """

    key: int
    service: uuid.UUID
    location: uuid.UUID | None
    at: uuid.UUID | None
    name: str
    place: str | None
    needs: int
    who: int
    terms: int
    area: int
    hours: int
    speaks: int
    latitude: float | None
    longitude: float | None


class Numbered(Generic[T]):
    """Equal values kept once, each with a number."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found


Kind = tuple[int, int, int, int]  # needs, who, terms, area: entries alike in these share the first half of the key


@dataclass(slots=True)
class Index:
    """All services that may be shown."""

    needs: Numbered[frozenset[NeedMet]] = field(default_factory=Numbered)
    who: Numbered[Who] = field(default_factory=Numbered)
    terms: Numbered[Terms] = field(default_factory=Numbered)
    areas: Numbered[Area] = field(default_factory=Numbered)
    hours: Numbered[tuple[Opens, ...]] = field(default_factory=Numbered)
    languages: Numbered[frozenset[str]] = field(default_factory=Numbered)
    by_need: dict[str, dict[Kind, list[Entry]]] = field(default_factory=dict)
    by_service: dict[uuid.UUID, list[Entry]] = field(default_factory=dict)
    stands_for: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)  # confidential service -> referring office
    hidden_phones: frozenset[uuid.UUID] = frozenset()  # marked public, and of something that is not
    told: dict[Hashable, Any] = field(default_factory=dict)  # what `directory.told` has read since: as old as the index

    def add(self, entry: Entry) -> None:
        """Put an entry under each need it meets."""
        self.by_service.setdefault(entry.service, []).append(entry)
        kind = (entry.needs, entry.who, entry.terms, entry.area)
        for need in {met.need for met in self.needs.values[entry.needs]}:
            self.by_need.setdefault(need, {}).setdefault(kind, []).append(entry)

    def kinds(self, needs: Sequence[str]) -> Iterator[tuple[Kind, list[Entry]]]:
        """The entries that meet any of the needs, by kind. Each kind once: those of a kind meet the same needs."""
        if len(needs) == 1:
            yield from self.by_need.get(needs[0], {}).items()
            return
        for number, need in enumerate(needs):
            before = [self.by_need.get(other, {}) for other in needs[:number]]
            for kind, entries in self.by_need.get(need, {}).items():
                if not any(kind in others for others in before):
                    yield kind, entries
