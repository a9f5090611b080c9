"""Why a result is in the list and at this place in it, as codes: one for each part of the key, in the key's order."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row

from directory.choose import Weighed
from directory.found import Query
from directory.index import FEE, FREE
from directory.ranking import Facts, For, Where

WHERE = {Where.national: "national", Where.neighbour: "neighbour_parish", Where.elsewhere: "elsewhere"}
OPEN = {True: "open", False: "closed", None: "hours_unknown"}
PAPERS = {0: "open_to_migrants", 1: "migrants_unknown", 2: "asks_papers", 3: "not_open_to_migrants"}
FEES = {FREE: "free", FEE: "fee"}


def reasons(row: Row[Any], weighed: Weighed, query: Query) -> tuple[str, ...]:
    """The codes of `Found.reasons` for a service as it is told (`row`) and as it was weighed."""
    facts = weighed.facts
    return (
        *_needs(weighed, query),
        *_who(row, facts),
        *_where(row, facts, query),
        *_asked(row, facts, query),
        *_state(facts, query),
    )


def _needs(weighed: Weighed, query: Query) -> Iterator[str]:
    best_last = sorted(weighed.met, key=lambda one: (one.hidden, one.also, one.part), reverse=True)
    met = {one.need: one for one in best_last}
    for need in query.needs:
        one = met.get(need)
        if one is None:
            yield f"missing:{need}"
        else:
            words = [word for word, true in (("also", one.also), ("part", one.part)) if true]
            yield from (f"{word}:{need}" for word in words or ["need"])
    if any(one.hidden and one.need in query.needs for one in weighed.met):
        yield "refers"


def _who(row: Row[Any], facts: Facts) -> Iterator[str]:
    word = {For.them: "for", For.particular: "particular"}.get(facts.suits)
    yield from (f"{word}:{group}" for group in (row.audience or "").split() if word)
    if facts.suits is For.others:
        yield "not_for_you"


def _where(row: Row[Any], facts: Facts, query: Query) -> Iterator[str]:
    if facts.where is Where.here:
        yield _here(row, query)
    elif facts.where is not None:
        yield WHERE[facts.where]
    if facts.out_of_reach:
        yield "no_way_to_reach"


def _here(row: Row[Any], query: Query) -> str:
    if row.place is not None and row.place == query.place:
        return "same_place"
    if row.parish == query.parish:
        return "same_parish"
    return "near" if query.latitude is not None and row.parish else "serves_parish"


def _asked(row: Row[Any], facts: Facts, query: Query) -> Iterator[str]:
    if query.no_papers:
        yield PAPERS[facts.papers]
    elif row.open_to_migrants == "yes":
        yield "open_to_migrants"
    if query.by_phone:
        yield "no_phone" if facts.by_phone else "by_phone"
    if query.access:
        yield "access_unknown" if facts.access else "accessible"
    if query.free:
        yield FEES.get(facts.fee, "fee_unknown")


def _state(facts: Facts, query: Query) -> Iterator[str]:
    yield "verified" if facts.verified else "unverified"
    if query.at is not None:
        yield OPEN[facts.open_now]
    if facts.speaks:
        yield f"speaks:{query.language}"
