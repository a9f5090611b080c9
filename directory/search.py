"""Find services for a person: the order comes from the index, what is told comes from the database.

Every result says why it is there. When nothing meets the need, the nearest alternative is given, and the outcome says
that the need was not met, so that whoever asked can record it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from base.clock import DOMINICA, now
from directory import indexing, places, told
from directory.choose import FAR_KM, HOLIDAYS, Weighed, Weighing, choose
from directory.found import Answer, Found, Number, Query
from directory.hours import open_at
from directory.index import Index
from directory.reasons import reasons

__all__ = ["Answer", "Found", "Number", "Query", "answer", "details", "find", "outcome"]

# What stands nearest to a need that nobody meets, nearest first.
INSTEAD = {
    "food": ("money", "disaster"),
    "shelter": ("money", "disaster"),
    "money": ("food", "work"),
    "health": ("disaster",),
    "mental_health": ("health", "safety"),
    "disability": ("health", "money"),
    "elderly": ("health", "money"),
    "children": ("safety", "money"),
    "education": ("children", "work"),
    "work": ("documents", "money"),
    "legal": ("documents", "safety"),
    "documents": ("legal",),
    "disaster": ("shelter", "money"),
    "safety": ("legal", "mental_health"),
}


def find(session: Session, query: Query) -> list[Found]:
    """The services that fit, best first, at most `query.limit`; empty when nothing meets any of the needs."""
    return _find_all(session, [query])[0]


def answers(session: Session, queries: Sequence[Query]) -> list[Answer]:
    """The answer to each, with what is told of all of them read at once."""
    found = _find_all(session, queries)
    return [
        Answer(tuple(one), outcome(one)) if one or not query.needs else _instead(session, query)
        for one, query in zip(found, queries, strict=True)
    ]


def answer(session: Session, query: Query) -> Answer:
    """What `find` finds; when that is nothing, the nearest alternatives, marked `instead:` in their reasons."""
    return answers(session, [query])[0]


def _instead(session: Session, query: Query) -> Answer:
    for need in dict.fromkeys(other for asked in query.needs for other in INSTEAD.get(asked, ())):
        others = find(session, replace(query, needs=(need,)))
        if others:
            marked = (one._replace(reasons=(f"instead:{query.needs[0]}", *one.reasons)) for one in others)
            return Answer(tuple(marked), "none")
    return Answer((), "none")


def outcome(found: Sequence[Found]) -> str:
    """found, elsewhere or none: whether something that can be reached meets the need where it was asked for."""
    if any(one.reasons and one.reasons[0].startswith("instead:") for one in found):
        return "none"
    reachable = [one for one in found if "no_way_to_reach" not in one.reasons and "not_for_you" not in one.reasons]
    if not reachable:
        return "elsewhere" if found else "none"
    far = {"neighbour_parish", "elsewhere"}
    return "found" if any(not far & set(one.reasons) for one in reachable) else "elsewhere"


def details(
    session: Session, service_id: uuid.UUID, *, at: datetime | None = None, demo_numbers: bool = False
) -> Found | None:
    """One service by id. For a confidential one, the office that refers to it; None when there is nothing to tell."""
    query = Query(needs=(), at=at, demo_numbers=demo_numbers)
    index = indexing.current(session)
    refers = service_id in index.stands_for
    weighed = _one(index, index.stands_for.get(service_id, service_id), query)
    found = next(iter(_tell(session, index, [(weighed, query)])[0]), None)
    return found._replace(reasons=("refers", *found.reasons)) if found and refers else found


def _one(index: Index, service_id: uuid.UUID, query: Query) -> list[Weighed]:
    entry = next(iter(index.by_service.get(service_id, ())), None)
    if entry is None:
        return []
    weighing = Weighing(index, query)
    facts = weighing.shared((entry.needs, entry.who, entry.terms, entry.area))
    return [weighing.weigh(facts, entry)] if facts else []


def _placed(query: Query) -> Query:
    """The query with its parish filled in from the place, or from where the person stands."""
    if query.parish:
        return query
    place = places.place_named(query.place) if query.place else None
    if place is None and query.latitude is not None and query.longitude is not None:
        place = places.nearest(query.latitude, query.longitude)
    return replace(query, parish=place.parish) if place else query


def _find_all(session: Session, queries: Sequence[Query]) -> list[list[Found]]:
    if not any(query.needs for query in queries):
        return [[] for _ in queries]
    index, placed = indexing.current(session), [_placed(query) for query in queries]
    return _tell(session, index, [(choose(index, query) if query.needs else [], query) for query in placed])


def _tell(session: Session, index: Index, chosen: Sequence[tuple[Sequence[Weighed], Query]]) -> list[list[Found]]:
    """What is told of the entries chosen for each query, read in one statement (two, where only some are of a demo)."""
    told_of: dict[bool, dict[told.Told, told.Known]] = {}
    for demo in {query.demo_numbers for _, query in chosen}:
        entries = [one.entry for weighed, query in chosen if query.demo_numbers is demo for one in weighed]
        told_of[demo] = told.known(session, index, entries, demo=demo)
    return [
        [
            _found(known, one, query)
            for one in weighed
            if (known := told_of[query.demo_numbers].get((one.entry.service, one.entry.at)))
        ]
        for weighed, query in chosen
    ]


def _found(known: told.Known, weighed: Weighed, query: Query) -> Found:
    row, km = known.row, weighed.facts.km
    return Found(
        service_id=row.id,
        name=row.name,
        organization=row.organization,
        place=row.place,
        place_confirmed=bool(row.place_confirmed),
        parish=row.parish,
        address=row.address,
        phones=known.phones,
        has_unverified_phone=known.unverified,
        hours=known.week((query.at or now()).astimezone(DOMINICA).date()),
        open_now=open_at(known.schedules, query.at, HOLIDAYS) if query.at else None,
        open_to_migrants=row.open_to_migrants,
        speaks=known.speaks,
        national=row.national,
        eligibility=row.eligibility_description,
        documents=known.documents,
        fees=row.fees_description,
        alert=row.alert,
        distance_km=round(km, 1) if query.latitude is not None and km < FAR_KM else None,
        reasons=reasons(row, weighed, query),
        texts=tuple((field, language, text) for field, language, text in sorted(row.texts or ())),
    )
