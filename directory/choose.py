"""Picks the best entries of an index for a query: the order of `directory.ranking`, without weighing what comes last.

Entries of one kind share the first half of the key, so kinds are put in order first and only the best of them are
looked into for opening hours, distance and language. The result is the same as sorting everything by the whole key.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop
from typing import NamedTuple

from directory import places
from directory.found import Query
from directory.holidays import PublicHolidays
from directory.hours import open_at
from directory.index import DEMO_PHONE, VERIFIED_PHONE, Area, Entry, Index, Kind, NeedMet, Terms
from directory.ranking import OPEN_ORDER, Facts, For, Rank, Where, fit, papers, suits

FAR_KM = 99.0  # when a position is not known: further than anything on the island
SAME_PARISH_KM = 30.0  # a place we cannot measure to, in the parish asked for
WALK_KM = 3.0  # as near as "here", whatever the parish
WALK_DEGREES = WALK_KM / 100  # a little more than that, either way, at this latitude
HOLIDAYS = PublicHolidays()


@dataclass(frozen=True, slots=True)
class Weighed:
    """An entry with what it was weighed by."""

    entry: Entry
    facts: Facts
    met: frozenset[NeedMet]


def choose(index: Index, query: Query) -> list[Weighed]:
    """The best `query.limit` services, each once at its best place, best first."""
    weighing = Weighing(index, query)
    chosen: dict[object, Weighed] = {}
    for bucket in weighing.buckets():
        heap = [(weighing.key(facts, entry), facts, entry) for facts, entries in bucket for entry in entries]
        heapify(heap)
        while heap:
            _, facts, entry = heappop(heap)
            if entry.service not in chosen:
                chosen[entry.service] = weighing.weigh(facts, entry)
            if len(chosen) == query.limit:
                return list(chosen.values())
    return list(chosen.values())


class Met(NamedTuple):
    """How a service meets the needs asked for."""

    missing: int
    part: bool
    also: bool


class Conditions(NamedTuple):
    """What a service's terms mean for this query."""

    out_of_reach: bool
    papers: int
    by_phone: int
    access: int
    fee: int
    verified: bool
    national: bool


Alike = tuple[Met, For, Conditions, Where | None]


class Weighing:
    """One query against one index. What many entries share is worked out once."""

    def __init__(self, index: Index, query: Query) -> None:
        self.index, self.query = index, query
        self.asked = frozenset(query.needs)
        self.near = places.neighbours(query.parish) if query.parish else ()
        self.here = _standing(query)
        self._open: dict[int, bool | None] = {}
        self._mets: dict[int, Met] = {}
        self._met_once: dict[Met, Met] = {}  # equal ones are the same one, so that they can be told by id
        self._conditions_once: dict[Conditions, Conditions] = {}
        self._suiting: dict[int, For] = {}
        self._conditions: dict[int, Conditions | None] = {}
        self._wheres: dict[tuple[int, bool], Where] = {}
        self._far: dict[tuple[float, float], float] = {}
        self._speaks = [query.language in spoken for spoken in index.languages.values]

    def buckets(self) -> Iterator[list[tuple[Facts, list[Entry]]]]:
        """Groups of entries with the same fit, the best group first; each entry with the facts it shares."""
        alike: dict[tuple[int, ...], tuple[Alike, list[Entry]]] = {}
        for kind, entries in self.index.kinds(self.query.needs):
            shared = self.alike(kind)
            if shared is None:
                continue
            met, who, conditions, where = shared
            key = (
                id(met),
                who,
                id(conditions),
                -1 if where is None else where,
            )  # quick to hash
            if key in alike:
                alike[key][1].extend(entries)
            else:
                alike[key] = (shared, list(entries))
        groups: dict[Rank, list[tuple[Facts, list[Entry]]]] = defaultdict(list)
        for shared, entries in alike.values():
            for facts, some in self._split(_facts(shared), entries):
                groups[fit(facts)].append((facts, some))
        for order in sorted(groups):
            yield groups[order]

    def shared(self, kind: Kind) -> Facts | None:
        """The facts that every entry of a kind has; None when it is not for a person without papers."""
        shared = self.alike(kind)
        return None if shared is None else _facts(shared)

    def alike(self, kind: Kind) -> Alike | None:
        """The same, as parts that are worked out once for all kinds that share them."""
        needs, who, terms, area = kind
        conditions = self._terms(terms)
        if conditions is None:
            return None
        return self._met(needs), self._suits(who), conditions, self._where(area, conditions.national)

    def _met(self, needs: int) -> Met:
        found = self._mets.get(needs)
        if found is None:
            hits = [one for one in self.index.needs.values[needs] if one.need in self.asked]
            missing = len(self.asked) - len({one.need for one in hits})
            part, also = all(one.part for one in hits), all(one.also for one in hits)
            met = Met(missing, part, also)
            found = self._mets[needs] = self._met_once.setdefault(met, met)
        return found

    def _suits(self, number: int) -> For:
        found = self._suiting.get(number)
        if found is None:
            who, query = self.index.who.values[number], self.query
            found = suits(who.groups, (who.low, who.high), self.asked, query.audience, query.age)
            self._suiting[number] = found
        return found

    def _terms(self, number: int) -> Conditions | None:
        if number not in self._conditions:
            found = _conditions(self.index.terms.values[number], self.query)
            self._conditions[number] = found and self._conditions_once.setdefault(found, found)
        return self._conditions[number]

    def _where(self, number: int, national: bool) -> Where | None:
        if self.query.parish is None:
            return None
        found = self._wheres.get((number, national))
        if found is None:
            found = self._wheres[number, national] = self._where_is(self.index.areas.values[number], national)
        return found

    def _where_is(self, area: Area, national: bool) -> Where:
        if self.query.parish == area.parish or self.query.parish in area.serves:
            return Where.here
        if national:
            return Where.national
        return Where.neighbour if area.parish in self.near else Where.elsewhere

    def weigh(self, facts: Facts, entry: Entry) -> Weighed:
        """The facts of one entry."""
        whole = facts._replace(
            open_now=self._open_now(entry.hours), km=self._km(entry), speaks=self._speaks[entry.speaks],
            name=entry.name, key=entry.key,
        )  # fmt: skip
        return Weighed(entry, whole, self.index.needs.values[entry.needs])

    def key(self, facts: Facts, entry: Entry) -> Rank:
        """`after_fit` of what `weigh` gives, without making it: this is done for thousands."""
        first = not facts.national if facts.where is None else False
        opens = OPEN_ORDER[self._open_now(entry.hours)]
        return (opens, first, self._km(entry), not self._speaks[entry.speaks], entry.name, entry.key)

    def _split(self, facts: Facts, entries: list[Entry]) -> Iterator[tuple[Facts, list[Entry]]]:
        """Where the person shared their position, what is a walk away is here, across a parish's border too."""
        query = self.query
        if query.latitude is None or query.longitude is None or facts.where in {None, Where.here}:
            yield facts, entries
            return
        walk: list[Entry] = []
        rest: list[Entry] = []
        for entry in entries:
            (walk if _beside(entry, query) and self._km(entry) <= WALK_KM else rest).append(entry)
        if rest:
            yield facts, rest
        if walk:
            yield facts._replace(where=Where.here), walk

    def _open_now(self, hours: int) -> bool | None:
        if self.query.at is None:
            return None
        if hours not in self._open:
            self._open[hours] = open_at(self.index.hours.values[hours], self.query.at, HOLIDAYS)
        return self._open[hours]

    def _km(self, entry: Entry) -> float:
        """Kilometres from the person, or from the place they named."""
        query = self.query
        if query.place is not None and entry.place == query.place and query.latitude is None:
            return 0.0
        if self.here is None or entry.latitude is None or entry.longitude is None:
            same = query.parish and self.index.areas.values[entry.area].parish == query.parish
            return SAME_PARISH_KM if same else FAR_KM
        at = (entry.latitude, entry.longitude)
        if at not in self._far:
            self._far[at] = places.distance_km(*self.here, *at)
        return self._far[at]


def _conditions(terms: Terms, query: Query) -> Conditions | None:
    """None when it is known not to serve a person without papers, and the person has none."""
    paper = papers(terms.open_to_migrants, asks_papers=terms.asks_papers) if query.no_papers else 0
    if paper > 2:
        return None
    verified = terms.phone == VERIFIED_PHONE or (query.demo_numbers and terms.phone == DEMO_PHONE)
    return Conditions(
        out_of_reach=not terms.placed and not verified,
        papers=paper,
        by_phone=int(not verified) * 2 if query.by_phone else 0,
        access=int(not terms.accessible) if query.access else 0,
        fee=terms.fee if query.free else 0,
        verified=verified,
        national=terms.national or not terms.placed,
    )


def _facts(shared: Alike) -> Facts:
    met, who, terms, where = shared
    return Facts(
        missing_needs=met.missing, suits=who, out_of_reach=terms.out_of_reach, part=met.part, where=where,
        also=met.also, papers=terms.papers, by_phone=terms.by_phone, access=terms.access, fee=terms.fee,
        verified=terms.verified, open_now=None, km=FAR_KM, speaks=False, national=terms.national, name="", key=0,
    )  # fmt: skip


def _standing(query: Query) -> tuple[float, float] | None:
    """Where the person is, or the place they named."""
    if query.latitude is not None and query.longitude is not None:
        return query.latitude, query.longitude
    asked = places.place_named(query.place) if query.place else None
    if asked is None or asked.latitude is None or asked.longitude is None:
        return None
    return asked.latitude, asked.longitude


def _beside(entry: Entry, query: Query) -> bool:
    """A quick look before the distance is reckoned."""
    if entry.latitude is None or entry.longitude is None or query.latitude is None or query.longitude is None:
        return False
    north, east = abs(entry.latitude - query.latitude), abs(entry.longitude - query.longitude)
    return north < WALK_DEGREES and east < WALK_DEGREES
