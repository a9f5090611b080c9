"""Find services for a person: one query for the candidates, then the order of `directory.ranking`.

The database picks the candidates by needs, place and verification (`directory.candidates`); opening hours, distance and
language are weighed here among them.
"""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from base.clock import DOMINICA, now
from directory import places
from directory.candidates import Opens, candidates, one
from directory.found import Found, Number, Query
from directory.holidays import PublicHolidays
from directory.hours import open_at, weekly
from directory.ranking import Facts, Rank, Where, rank

__all__ = ["Found", "Number", "Query", "details", "find"]

FAR_KM = 99.0  # when a position is not known: further than anything on the island
SAME_PARISH_KM = 30.0  # a place we cannot measure to, in the parish asked for
WHERE_REASONS = {Where.national: "national", Where.neighbour: "neighbour_parish", Where.elsewhere: "elsewhere"}


def find(session: Session, query: Query) -> list[Found]:
    """The services that fit, best first, at most `query.limit`; empty when nothing meets any of the needs."""
    if not query.needs:
        return []
    query = _placed(query)
    rows = session.execute(*candidates(query)).all()
    ranked = sorted((_weigh(row, query) for row in rows), key=lambda pair: pair[0])
    return [found for _, found in ranked[: query.limit]]


def details(
    session: Session, service_id: uuid.UUID, *, at: datetime | None = None, demo_numbers: bool = False
) -> Found | None:
    """One service by id. For a confidential one, the office that refers to it; None when there is nothing to tell."""
    query = Query(needs=(), at=at, demo_numbers=demo_numbers)
    row = session.execute(*one(service_id, query)).first()
    return _weigh(row, query)[1] if row else None


def _placed(query: Query) -> Query:
    """The query with its parish filled in from the place, or from where the person stands."""
    if query.parish:
        return query
    place = places.place_named(query.place) if query.place else None
    if place is None and query.latitude is not None and query.longitude is not None:
        place = places.nearest(query.latitude, query.longitude)
    return replace(query, parish=place.parish) if place else query


def _weigh(row: Row[Any], query: Query) -> tuple[Rank, Found]:
    where = None if query.parish is None else Where(row.where_)
    speaks = tuple(sorted(row.languages or ()))
    phones = tuple(_number(phone) for phone in row.phones or () if phone["verified"])
    schedules = [Opens.read(schedule) for schedule in row.schedules or ()]
    open_now = open_at(schedules, query.at, PublicHolidays()) if query.at else None
    km = _km(row, query)
    facts = Facts(
        missing_needs=len(set(query.needs)) - row.hits,
        other_audience=bool(query.audience and row.audience) and not query.audience & set(row.audience.split()),
        out_of_reach=row.parish is None and not phones,
        where=where,
        also=bool(row.also),
        open_to_migrants=row.open_to_migrants,
        asks_papers=bool(row.documents),
        verified=bool(phones),
        open_now=open_now,
        km=km,
        speaks=query.language in speaks,
        national=row.national or row.parish is None,
        name=row.name,
        key=str(row.id),
    )
    found = Found(
        service_id=row.id,
        name=row.name,
        organization=row.organization,
        place=row.place,
        place_confirmed=bool(row.place_confirmed),
        parish=row.parish,
        address=row.address,
        phones=phones,
        has_unverified_phone=any(not phone["verified"] for phone in row.phones or ()),
        hours=weekly(schedules, (query.at or now()).astimezone(DOMINICA).date()),
        open_now=open_now,
        open_to_migrants=row.open_to_migrants,
        speaks=speaks,
        national=row.national,
        eligibility=row.eligibility_description,
        documents=tuple(row.documents or ()),
        fees=row.fees_description,
        alert=row.alert,
        distance_km=round(km, 1) if query.latitude is not None and km < FAR_KM else None,
        reasons=_reasons(row, query, facts),
    )
    return rank(facts, no_papers=query.no_papers), found


def _number(phone: dict[str, Any]) -> Number:
    return Number(phone["number"], phone["channel"], phone["description"], phone["toll_free"])


def _km(row: Row[Any], query: Query) -> float:
    """Kilometres from the person, or from the place they named; settlements stand in for what nobody has surveyed."""
    if query.place is not None and row.place == query.place and query.latitude is None:
        return 0.0
    latitude, longitude = _position(row)
    here = (query.latitude, query.longitude)
    asked = places.place_named(query.place) if query.place else None
    if query.latitude is None and asked:
        here = (asked.latitude, asked.longitude)
    if here[0] is None or here[1] is None or latitude is None or longitude is None:
        return SAME_PARISH_KM if query.parish and row.parish == query.parish else FAR_KM
    return places.distance_km(here[0], here[1], latitude, longitude)


def _position(row: Row[Any]) -> tuple[float | None, float | None]:
    if row.latitude is not None:
        return row.latitude, row.longitude
    place = places.place_named(row.place) if row.place else None
    return (place.latitude, place.longitude) if place else (None, None)


def _reasons(row: Row[Any], query: Query, facts: Facts) -> tuple[str, ...]:
    reasons = [f"{'also' if facts.also else 'need'}:{need}" for need in query.needs if need in (row.needs or ())]
    reasons += ["refers"] if row.refers else []
    if facts.where is not None:
        reasons.append(WHERE_REASONS.get(facts.where) or _here(row, query))
    reasons += ["verified"] if facts.verified else []
    reasons += {True: ["open"], False: ["closed"], None: []}[facts.open_now]
    reasons += [f"speaks:{query.language}"] if facts.speaks else []
    reasons += ["open_to_migrants"] if facts.open_to_migrants == "yes" else []
    return tuple(reasons)


def _here(row: Row[Any], query: Query) -> str:
    if row.place is not None and row.place == query.place:
        return "same_place"
    return "same_parish" if row.parish == query.parish else "serves_parish"
