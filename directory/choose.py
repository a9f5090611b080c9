"""Picks the best entries of an index for a query: the order of `directory.ranking`, without weighing what comes last.

Entries of one kind share the first half of the key, so kinds are put in order first and only the best of them are
looked into for opening hours, distance and language. The result is the same as sorting everything by the whole key.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from directory import places
from directory.found import Query
from directory.holidays import PublicHolidays
from directory.hours import open_at
from directory.index import DEMO_PHONE, VERIFIED_PHONE, Area, Entry, Index, Kind, NeedMet, Terms
from directory.ranking import Facts, Rank, Where, after_fit, fit, papers, suits

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
        for weighed in sorted(bucket, key=lambda one: after_fit(one.facts)):
            chosen.setdefault(weighed.entry.service, weighed)
            if len(chosen) == query.limit:
                return list(chosen.values())
    return list(chosen.values())


class Weighing:
    """One query against one index. What many entries share is worked out once."""

    def __init__(self, index: Index, query: Query) -> None:
        self.index, self.query = index, query
        self.asked = frozenset(query.needs)
        self.near = places.neighbours(query.parish) if query.parish else ()
        self.here = _standing(query)
        self._open: dict[int, bool | None] = {}

    def buckets(self) -> Iterator[list[Weighed]]:
        """Groups of entries with the same fit, the best group first."""
        groups: dict[Rank, list[tuple[Facts, list[Entry]]]] = defaultdict(list)
        for kind, entries in self.index.kinds(self.query.needs).items():
            facts = self.shared(kind)
            if facts is None:
                continue
            for one, some in self._split(facts, entries):
                groups[fit(one)].append((one, some))
        for key in sorted(groups):
            yield [self.weigh(facts, entry) for facts, entries in groups[key] for entry in entries]

    def shared(self, kind: Kind) -> Facts | None:
        """The facts that every entry of a kind has; None when it is not for a person without papers."""
        query, index = self.query, self.index
        met, who = index.needs.values[kind[0]], index.who.values[kind[1]]
        terms, area = index.terms.values[kind[2]], index.areas.values[kind[3]]
        hits = [one for one in met if one.need in self.asked]
        paper = papers(terms.open_to_migrants, asks_papers=terms.asks_papers) if query.no_papers else 0
        if paper > 2:
            return None
        verified = terms.phone == VERIFIED_PHONE or (query.demo_numbers and terms.phone == DEMO_PHONE)
        return Facts(
            missing_needs=len(self.asked) - len({one.need for one in hits}),
            suits=suits(who.groups, (who.low, who.high), self.asked, query.audience, query.age),
            out_of_reach=not terms.placed and not verified,
            part=all(one.part for one in hits),
            where=self._where(terms, area),
            also=all(one.also for one in hits),
            papers=paper,
            by_phone=int(not verified) * 2 if query.by_phone else 0,
            access=int(not terms.accessible) if query.access else 0,
            fee=terms.fee if query.free else 0,
            verified=verified,
            open_now=None,
            km=FAR_KM,
            speaks=False,
            national=terms.national or area.parish is None,
            name="",
            key="",
        )

    def weigh(self, facts: Facts, entry: Entry) -> Weighed:
        """The facts of one entry."""
        speaks = self.query.language in self.index.languages.values[entry.speaks]
        whole = replace(
            facts, open_now=self._open_now(entry.hours), km=self._km(entry), speaks=speaks, name=entry.name,
            key=f"{entry.service} {entry.location}",
        )  # fmt: skip
        return Weighed(entry, whole, self.index.needs.values[entry.needs])

    def _split(self, facts: Facts, entries: list[Entry]) -> Iterator[tuple[Facts, list[Entry]]]:
        """Where the person shared their position, what is a walk away is here, across a parish's border too."""
        query = self.query
        if query.latitude is None or query.longitude is None or facts.where in {None, Where.here}:
            yield facts, entries
            return
        walk = {entry for entry in entries if _beside(entry, query) and self._km(entry) <= WALK_KM}
        rest = [entry for entry in entries if entry not in walk]
        if rest:
            yield facts, rest
        if walk:
            yield replace(facts, where=Where.here), list(walk)

    def _where(self, terms: Terms, area: Area) -> Where | None:
        parish = self.query.parish
        if parish is None:
            return None
        if parish == area.parish or parish in area.serves:
            return Where.here
        if terms.national or area.parish is None:
            return Where.national
        return Where.neighbour if area.parish in self.near else Where.elsewhere

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
        return places.distance_km(*self.here, entry.latitude, entry.longitude)


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
