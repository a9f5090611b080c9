"""Small counts stay hidden, also from somebody who does sums."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.reports.suppress import FEWEST, suppress, suppress_list, with_totals

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


def test_a_list() -> None:
    assert suppress_list([10, 3, 20]) == ([None, None, 20], 33)
    assert suppress_list([0, 0]) == ([0, 0], 0)
    assert suppress_list([2]) == ([None], None)
    assert suppress_list([]) == ([], 0)
