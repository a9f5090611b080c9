"""The order of results, written down as one key. docs/ranking.md says the same in words; the tests hold both to it.

Fit first, in this order: needs it leaves unmet; whether it is for this person; whether a person can get there or call
at all; whether it answers the whole need or a part of it; where it is against the place asked for; whether the need is
its main work; then what was asked for beside the need (no papers, by phone, access, no fee). Then verified, then open,
then near, then language, then the name, so that the same search always gives the same order.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class Where(IntEnum):
    """A service's place against the parish asked for."""

    here = 0  # in the parish, or says that it serves it, or within a walk of the person
    national = 1  # serves the whole island, or has no place to go to
    neighbour = 2
    elsewhere = 3


class For(IntEnum):
    """Whether a service is for the person."""

    them = 0  # for everybody, or for such a person, or such a person is what the need is about
    particular = 1  # for a group of people, and nobody said whether the person is one of them
    others = 2  # for a group of people the person has said not to be of


class Facts(NamedTuple):
    """What the order depends on. `where` is None when no place was asked for.

    `papers`, `by_phone`, `access` and `fee` are 0 unless the query asked: 0 known to be so, 1 not known, 2 known not.
    """

    missing_needs: int
    suits: For
    out_of_reach: bool
    part: bool
    where: Where | None
    also: bool
    papers: int
    by_phone: int
    access: int
    fee: int
    verified: bool
    open_now: bool | None
    km: float
    speaks: bool
    national: bool
    name: str
    key: int


OPEN_ORDER = {True: 0, None: 1, False: 2}
Rank = tuple[int | float | str, ...]

AGE_GROUPS = frozenset({"children", "youth", "elderly"})
GENDERS = frozenset({"women", "men"})
# A need that is about a group of people: somebody who asks for it means one of them.
IMPLIED = {"children": frozenset({"children", "youth"}), "elderly": {"elderly"}, "disability": {"disability"}}


def rank(facts: Facts) -> Rank:
    """The sorting key of a result: smaller comes first."""
    return (*fit(facts), *after_fit(facts))


def fit(facts: Facts) -> Rank:
    """The first half of the key: fit and verification, which the time of day and the distance do not change."""
    return (
        facts.missing_needs,
        facts.suits,
        facts.out_of_reach,
        facts.part,
        Where.here if facts.where is None else facts.where,
        facts.also,
        facts.papers,
        facts.by_phone,
        facts.access,
        facts.fee,
        not facts.verified,
    )


def after_fit(facts: Facts) -> Rank:
    """The second half: open, near, language, name, and a number that is always the same for the same place."""
    near = (not facts.national if facts.where is None else False, facts.km)
    return (OPEN_ORDER[facts.open_now], *near, not facts.speaks, facts.name, facts.key)


def suits(
    audience: Iterable[str], ages: tuple[int | None, int | None], needs: Iterable[str], said: frozenset[str],
    age: int | None,
) -> For:  # fmt: skip
    """Whether a service for `audience` (any of these groups; none: everybody) and these ages is for a person.

    `said` are the groups the person is of; `needs` imply some. Age groups exclude each other, and so do genders: who
    said "older" is no youth. Ages are years, from and to, both included.
    """
    low, high = ages
    if age is not None and ((low is not None and age < low) or (high is not None and age > high)):
        return For.others
    implied = frozenset().union(*(IMPLIED.get(need, ()) for need in needs))
    return min((_suits_group(group, implied, said) for group in audience), default=For.them)


def _suits_group(group: str, implied: frozenset[str], said: frozenset[str]) -> For:
    if group in said:
        return For.them
    alike = next((kind for kind in (AGE_GROUPS, GENDERS) if group in kind), frozenset({group}))
    if said & alike:
        return For.others
    return For.them if group in implied else For.particular


def papers(open_to_migrants: str, *, asks_papers: bool) -> int:
    """For a person without papers: known to take migrants, not known, takes them with papers, does not."""
    if open_to_migrants == "no":
        return 3
    return 2 if asks_papers else 0 if open_to_migrants == "yes" else 1
