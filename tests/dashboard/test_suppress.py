"""Small counts stay hidden, also from somebody who does sums."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from math import lcm
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.reports.searches import TOTAL, Cell, _with_totals
from dashboard.reports.suppress import FEWEST, _lines, kept_back, reckoned, suppress, suppress_list, with_totals

counts = st.integers(0, 12) | st.integers(0, 3)
grids = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(counts, min_size=width, max_size=width), min_size=1, max_size=4)
)


@given(grids)
def test_no_small_count_is_told_and_what_is_told_is_right(grid: list[list[int]]) -> None:
    for told, true in zip(suppress(grid), with_totals(grid), strict=True):
        for one, other in zip(told, true, strict=True):
            assert one is None or one == other
            assert one is None or one == 0 or one >= FEWEST


@given(grids)
def test_no_line_gives_a_hidden_count_away(grid: list[list[int]]) -> None:
    told = suppress(grid)
    lines = list(told)
    if len(grid) > 1:
        lines += [list(column) for column in zip(*told, strict=True)]
    for line in lines:
        hidden = [one for one in line if one is None]
        assert len(hidden) != 1, "one hidden count is the total less the others"
        if hidden and line[-1] is not None:
            assert line[-1] - sum(one or 0 for one in line[:-1]) >= FEWEST


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=2), min_size=2, max_size=2))
def test_somebody_who_tries_all_tables_cannot_tell_a_hidden_count(grid: list[list[int]]) -> None:
    """Every table that fits what is told, by brute force: each hidden count could be several things."""
    told = suppress(grid)
    free = [(r, c) for r in range(2) for c in range(2) if told[r][c] is None]
    top = max(sum(map(sum, grid)), FEWEST) + 2
    fitting = []
    for values in product(range(top + 1), repeat=len(free)):
        guess = [[one if one is not None else 0 for one in row[:2]] for row in told[:2]]
        for (r, c), value in zip(free, values, strict=True):
            guess[r][c] = value
        full = with_totals(guess)
        if all(told[r][c] in (None, full[r][c]) for r in range(3) for c in range(3)):
            fitting.append(full)
    for r in range(3):
        for c in range(3):
            if told[r][c] is None:
                assert len({full[r][c] for full in fitting}) > 1


small = st.integers(0, 6) | st.integers(0, 40)
searches_of_a_month = st.fixed_dictionaries(
    {("food", place, district, met): small for place, district in (("A", "x"), ("A", "y"), ("B", "y"))
     for met in ("found", "unmet")}
    | {("work", place, "x", met): small for place in ("A", "B") for met in ("found", "unmet")}
)  # fmt: skip


def summed(month: dict[tuple[str, str, str, str], int]) -> tuple[dict[Cell, int], list[list[Cell]]]:
    """What the tables of searches hold, and which counts make which."""
    found: Counter[Cell] = Counter()
    for number, ((need, place, district, met), count) in enumerate(month.items()):
        found["asked", need, place] += count
        found[met, need, place] += count
        found["language", TOTAL, "ht" if number % 3 else "en"] += count
        if met == "unmet":
            found["district", need, district] += count
    return _with_totals(found, ["food", "work"], ["A", "B"], ["x", "y"], {"language": ["en", "ht"]})


def ways_to_differ(lines: Sequence[Sequence[Any]], hidden: set[Any]) -> list[dict[Any, int]]:
    """How hidden counts may differ together while every line still adds up and nothing that is told differs: whole
    numbers, by Gauss and Jordan's elimination with fractions."""
    solved: dict[Any, dict[Any, Fraction]] = {}

    def less(row: dict[Any, Fraction], other: dict[Any, Fraction], times: Fraction) -> dict[Any, Fraction]:
        both = {cell: row.get(cell, Fraction()) - times * other.get(cell, Fraction()) for cell in {**row, **other}}
        return {cell: value for cell, value in both.items() if value}

    for line in lines:
        row = {cell: Fraction(-1 if cell == line[-1] else 1) for cell in line if cell in hidden}
        for cell in [one for one in row if one in solved]:
            row = less(row, solved[cell], row[cell])
        if row:
            pivot = next(iter(row))
            row = {cell: value / row[pivot] for cell, value in row.items()}
            solved = {cell: less(one, row, one.get(pivot, Fraction())) for cell, one in solved.items()} | {pivot: row}
    made = []
    for free in hidden - set(solved):
        way = {free: Fraction(1)} | {pivot: -row[free] for pivot, row in solved.items() if free in row}
        scale = lcm(*(value.denominator for value in way.values()))
        made.append({cell: int(value * scale) for cell, value in way.items()})
    return made


def sure(counts: dict[Any, int], lines: Sequence[Sequence[Any]], hidden: set[Any]) -> dict[Any, int]:
    """Small counts for which no other table with the very same told was found, by going up to three ways at once."""
    unsure = {cell for cell, count in counts.items() if 0 < count < FEWEST}
    ways = ways_to_differ(lines, hidden)
    for together in (1, 2, 3):
        for some in combinations(ways, together):
            for times in product((-2, -1, 1, 2), repeat=together):
                if not unsure:
                    return {}
                steps: Counter[Any] = Counter()
                for way, factor in zip(some, times, strict=True):
                    for cell, step in way.items():
                        steps[cell] += factor * step
                if all(counts[cell] + step >= 0 for cell, step in steps.items()):
                    unsure -= {cell for cell, step in steps.items() if step}
    return {cell: counts[cell] for cell in unsure}


@settings(max_examples=300, deadline=None)
@given(searches_of_a_month)
def test_no_small_count_follows_from_all_that_is_told_of_searches(month: dict[tuple[str, str, str, str], int]) -> None:
    """The report's tables and the coverage page side by side. Somebody who knows everything that is told cannot tell
    any count from 1 to 4: there is another month of which the very same is told and in which that count is another."""
    counts, lines = summed(month)
    assert sure(counts, lines, kept_back(counts, lines)) == {}


@settings(max_examples=60, deadline=None)
@given(grids)
def test_no_small_count_follows_from_a_table(grid: list[list[int]]) -> None:
    full = with_totals(grid)
    counts = {(r, c): count for r, row in enumerate(full) for c, count in enumerate(row)}
    lines = list(_lines(len(full), len(full[0])))
    assert sure(counts, lines, kept_back(counts, lines)) == {}


@given(searches_of_a_month)
def test_what_is_told_of_searches_is_right_and_never_small(month: dict[tuple[str, str, str, str], int]) -> None:
    counts, lines = summed(month)
    hidden = kept_back(counts, lines)
    assert all(counts[cell] == 0 or counts[cell] >= FEWEST for cell in counts if cell not in hidden)
    for line in lines:
        assert sum(counts[cell] for cell in line[:-1]) == counts[line[-1]]
    assert reckoned(counts, lines, hidden) == []


def test_a_count_that_only_several_lines_together_give_away() -> None:
    """Two rings of hidden counts and one small count between them: each line has two hidden ones, and still the sums of
    the first ring's rows less those of its columns are the one between."""
    between = 3
    counts: dict[Any, int] = {(r, c): 7 if (r < 2) == (c < 2) else 20 for r in range(4) for c in range(4)}
    counts[0, 2] = between
    lines: list[list[Any]] = [[*((r, c) for c in range(4)), ("row", r)] for r in range(4)]
    lines += [[*((r, c) for r in range(4)), ("column", c)] for c in range(4)]
    counts |= {line[-1]: sum(counts[cell] for cell in line[:-1]) for line in lines}
    rings: set[Any] = {(r, c) for r in range(4) for c in range(4) if (r < 2) == (c < 2)} | {(0, 2)}
    assert reckoned(counts, lines, rings) == [(0, 2)]
    assert reckoned(counts, lines, kept_back(counts, lines)) == []


def test_a_list() -> None:
    assert suppress_list([10, 3, 20]) == ([None, None, 20], 33)
    assert suppress_list([0, 0]) == ([0, 0], 0)
    assert suppress_list([2]) == ([None], None)
    assert suppress_list([]) == ([], 0)
