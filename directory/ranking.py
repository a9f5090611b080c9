"""The order of results, written down as one key.

Fit first: needs it leaves unmet, whether it is for another audience, whether a person can get there or call at all,
where it is against the place asked for, whether the need is its main work, and for a person without papers whether it
is known to take migrants and asks for none. Then verified, then
open, then near, then language, then the name, so that the same search always gives the same order.
"""

from dataclasses import dataclass
from enum import IntEnum


class Where(IntEnum):
    """A service's place against the parish asked for."""

    here = 0  # in the parish, or says that it serves it
    national = 1  # serves the whole island, or has no place to go to
    neighbour = 2
    elsewhere = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What the order depends on. `where` is None when no place was asked for."""

    missing_needs: int
    other_audience: bool
    out_of_reach: bool
    where: Where | None
    also: bool
    open_to_migrants: str
    asks_papers: bool
    verified: bool
    open_now: bool | None
    km: float
    speaks: bool
    national: bool
    name: str
    key: str


OPEN_ORDER = {True: 0, None: 1, False: 2}
MIGRANTS_ORDER = {"yes": 0, "unknown": 1, "no": 3}

Rank = tuple[int | float | str, ...]


def rank(facts: Facts, *, no_papers: bool) -> Rank:
    """The sorting key of a result: smaller comes first."""
    fit = (
        facts.missing_needs,
        facts.other_audience,
        facts.out_of_reach,
        Where.here if facts.where is None else facts.where,
        facts.also,
        _papers(facts) if no_papers else 0,
    )
    near = (not facts.national if facts.where is None else False, facts.km)
    return (*fit, not facts.verified, OPEN_ORDER[facts.open_now], *near, not facts.speaks, facts.name, facts.key)


def _papers(facts: Facts) -> int:
    """For a person without papers: known to take migrants, not known, takes them with papers, does not."""
    return 2 if facts.asks_papers and facts.open_to_migrants != "no" else MIGRANTS_ORDER[facts.open_to_migrants]
