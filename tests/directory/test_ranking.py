"""The order of docs/ranking.md, one rule after another, and that picking the best is the same as sorting everything."""

import uuid
from dataclasses import replace
from datetime import datetime, time
from itertools import combinations, pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from base.clock import DOMINICA
from directory.choose import Weighed, Weighing, choose
from directory.found import Query
from directory.index import Area, Entry, Index, NeedMet, Terms, Who
from directory.openings import Opens
from directory.ranking import Facts, For, Where, rank

NOON = datetime(2026, 11, 16, 12, tzinfo=DOMINICA)
NEEDS = ("health", "food", "children")
PARISHES = ("Saint John", "Saint Peter", "Saint Mark", None)
BEST = Facts(
    missing_needs=0, suits=For.them, out_of_reach=False, part=False, where=Where.here, also=False, papers=0, by_phone=0,
    access=0, fee=0, verified=True, open_now=True, km=0.0, speaks=True, national=False, name="A", key=1,
)  # fmt: skip
# Each rule of the order, the first weighing most: a result with this is worse than one without.
RULES: list[dict[str, Any]] = [
    {"missing_needs": 1}, {"suits": For.particular}, {"out_of_reach": True}, {"part": True}, {"where": Where.national},
    {"also": True}, {"papers": 1}, {"by_phone": 2}, {"access": 1}, {"fee": 1}, {"verified": False}, {"open_now": None},
    {"km": 5.0}, {"speaks": False}, {"name": "B"}, {"key": 2},
]  # fmt: skip


def test_each_rule_weighs_more_than_all_that_follow() -> None:
    """One step worse by a rule is worse than being worse in everything after it."""
    for number, rule in enumerate(RULES):
        worse_after = {key: value for later in RULES[number + 1 :] for key, value in later.items()}
        assert rank(BEST._replace(**worse_after)) < rank(BEST._replace(**rule)), rule
    for better, worse in combinations([BEST, *(BEST._replace(**rule) for rule in reversed(RULES))], 2):
        assert rank(better) < rank(worse)


def test_within_a_rule() -> None:
    orders: dict[str, list[Any]] = {
        "suits": [For.them, For.particular, For.others],
        "where": [Where.here, Where.national, Where.neighbour, Where.elsewhere],
        "open_now": [True, None, False],
        "papers": [0, 1, 2, 3],
        "fee": [0, 1, 2],
        "km": [0.0, 0.1, 99.0],
    }
    for field, values in orders.items():
        for before, after in pairwise(values):
            assert rank(BEST._replace(**{field: before})) < rank(BEST._replace(**{field: after}))


def test_without_a_place_a_national_service_comes_before_a_local_one_that_is_as_good() -> None:
    nowhere = BEST._replace(where=None)
    assert rank(nowhere._replace(national=True, km=99.0)) < rank(nowhere)


MET = st.builds(NeedMet, st.sampled_from(NEEDS), st.booleans(), st.booleans(), st.booleans())
TERMS = st.builds(
    Terms, st.sampled_from(["yes", "no", "unknown"]), st.booleans(), st.integers(0, 2), st.booleans(),
    st.integers(0, 2), st.booleans(), st.booleans(),
)  # fmt: skip
AGE = st.one_of(st.none(), st.integers(0, 90))
GROUPS = st.frozensets(st.sampled_from(["women", "men", "children", "youth", "elderly", "disability"]), max_size=2)
WHO = st.builds(Who, GROUPS, AGE, AGE)
AREA = st.builds(
    Area, st.sampled_from(PARISHES), st.frozensets(st.sampled_from(["Saint John", "Saint Mark"]), max_size=1)
)
HOURS = st.sampled_from(
    [(), (Opens("WEEKLY", 1, "closed", byday="MO", opens_at=time(8), closes_at=time(16)),),
     (Opens("WEEKLY", 1, "closed", byday="TU", opens_at=time(8), closes_at=time(16)),)]
)  # fmt: skip
WHERE = st.one_of(st.none(), st.tuples(st.floats(15.5, 15.6), st.floats(-61.5, -61.4)))
ONE = st.tuples(
    st.integers(0, 12), st.frozensets(MET, min_size=1, max_size=3), WHO, TERMS, AREA, HOURS,
    st.frozensets(st.sampled_from(["ht", "en"])), WHERE, st.sampled_from("ABC"),
)  # fmt: skip
QUERY = st.builds(
    Query,
    needs=st.lists(st.sampled_from(NEEDS), min_size=1, max_size=2, unique=True).map(tuple),
    parish=st.sampled_from(PARISHES),
    place=st.sampled_from([None, "Portsmouth"]),
    language=st.sampled_from([None, "ht"]),
    no_papers=st.booleans(),
    at=st.sampled_from([None, NOON]),
    audience=GROUPS,
    age=AGE,
    by_phone=st.booleans(),
    access=st.booleans(),
    free=st.booleans(),
    limit=st.integers(1, 12),
    demo_numbers=st.booleans(),
)
SHARED = st.one_of(st.none(), st.tuples(st.floats(15.5, 15.6), st.floats(-61.5, -61.4)))


def make(rows: list[tuple[Any, ...]]) -> Index:
    """An index of these services; the same number is the same service at another place."""
    index = Index()
    for row, (number, needs, who, terms, area, hours, speaks, at, name) in enumerate(rows):
        latitude, longitude = at or (None, None)
        numbers = index.needs.number(needs), index.who.number(who), index.terms.number(terms), index.areas.number(area)
        rest = index.hours.number(hours), index.languages.number(speaks), latitude, longitude
        key = uuid.UUID(int=row)
        index.add(Entry(row, uuid.UUID(int=number), key, key, name, None, *numbers, *rest))
    return index


def by_sorting(index: Index, query: Query) -> list[Weighed]:
    """Everything weighed, sorted by the whole key, each service at its best place."""
    weighing = Weighing(index, query)
    entries = ((facts, one) for bucket in weighing.buckets() for facts, some in bucket for one in some)
    everything = sorted((weighing.weigh(facts, one) for facts, one in entries), key=lambda one: rank(one.facts))
    best = {one.entry.service: one for one in reversed(everything)}
    return sorted(best.values(), key=lambda one: rank(one.facts))[: query.limit]


@given(st.lists(ONE, max_size=40), QUERY, SHARED)
@settings(max_examples=200, deadline=None)
@example([], Query(("health",)), None)
def test_picking_the_best_is_the_same_as_sorting_everything(
    rows: list[tuple[Any, ...]], query: Query, shared: tuple[float, float] | None
) -> None:
    index = make(rows)
    query = replace(query, latitude=shared[0], longitude=shared[1]) if shared else query
    chosen = choose(index, query)
    assert chosen == by_sorting(index, query)
    for one in chosen:
        terms = index.terms.values[one.entry.terms]
        assert not (query.no_papers and terms.open_to_migrants == "no")
        assert {met.need for met in one.met} & set(query.needs)
