"""Hides small counts in tables whose totals are told, so that they cannot be reckoned back.

A count from 1 to 4 is hidden (docs/privacy.md). What is left over in each line (a total and the counts it is made of;
its total less what is told) must not give a hidden count away: wherever something is hidden, at least two counts are,
and together they make five or more; else the smallest other count of that line is hidden too, at last the total itself.
A count of nothing is always told: hidden it would protect little, and in a thin month every line would follow.
After the usual rules of statistical offices for primary and complementary suppression. Then all lines are taken
together: a small count that follows from several of them is hidden deeper, until none does. An exact search for the
fewest hidden counts is not tried.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

FEWEST = 5
Grid = Sequence[Sequence[int]]
Cell = TypeVar("Cell", bound=Hashable)
_PRIME = 2**61 - 1  # reckoned with whole numbers below it: exact, and no fraction grows


def kept_back(counts: Mapping[Cell, int], lines: Iterable[Sequence[Cell]]) -> set[Cell]:
    """Which counts must not be told. `lines`: cells that make a total, which comes last; a cell may stand in many."""
    fixed, hidden = [list(line) for line in lines], {cell for cell, count in counts.items() if 0 < count < FEWEST}
    place = {cell: number for number, cell in enumerate(counts)}

    def smallest(cells: Iterable[Cell]) -> Cell | None:
        told = (cell for cell in cells if cell not in hidden and counts[cell])
        return min(told, key=lambda cell: (counts[cell], place[cell]), default=None)

    def next_one() -> Cell | None:
        for line in fixed:
            if not _safe(counts, line, hidden):
                more = smallest(line[:-1])
                return line[-1] if more is None else more
        return next((more for cell in reckoned(counts, fixed, hidden) if (more := _deeper(cell)) is not None), None)

    def _deeper(cell: Cell) -> Cell | None:
        around = [line for line in fixed if cell in line]
        wide = [line for line in fixed if hidden.intersection(line)]
        for some in (around, wide):
            found = smallest(one for line in some for one in line)
            if found is not None:
                return found
        return None

    while (more := next_one()) is not None:
        hidden.add(more)
    return hidden


def _safe(counts: Mapping[Cell, int], line: Sequence[Cell], hidden: set[Cell]) -> bool:
    """Whether a line alone gives nothing away."""
    inner = [cell for cell in line[:-1] if cell in hidden]
    if line[-1] in hidden:
        return bool(inner) or len(line) == 1
    return not inner or (len(inner) >= 2 and sum(counts[cell] for cell in inner) >= FEWEST)


def reckoned(counts: Mapping[Cell, int], lines: Iterable[Sequence[Cell]], hidden: set[Cell]) -> list[Cell]:
    """Hidden small counts that follow from all lines together, whoever knew which hidden counts are none at all.
    Gauss and Jordan's elimination: a count follows when its row has nothing else in it."""
    solved: dict[Cell, dict[Cell, int]] = {}
    for line in lines:
        row = {cell: _PRIME - 1 if cell == line[-1] else 1 for cell in line if cell in hidden and counts[cell]}
        for cell in [one for one in row if one in solved]:
            _less(row, solved[cell], row[cell])
        if not row:
            continue
        pivot = next(iter(row))
        turn = pow(row[pivot], -1, _PRIME)
        row = {cell: value * turn % _PRIME for cell, value in row.items()}
        for other in solved.values():
            if pivot in other:
                _less(other, row, other[pivot])
        solved[pivot] = row
    return [cell for cell, row in solved.items() if len(row) == 1 and counts[cell] < FEWEST]


def _less(row: dict[Cell, int], other: Mapping[Cell, int], times: int) -> None:
    """`row` less so many times `other`."""
    for cell, value in other.items():
        left = (row.get(cell, 0) - times * value) % _PRIME
        if left:
            row[cell] = left
        else:
            row.pop(cell, None)


def with_totals(counts: Grid) -> list[list[int]]:
    """The counts with a total at the end of each row and below each column."""
    rows = [[*row, sum(row)] for row in counts]
    width = len(rows[0]) if rows else 1
    return [*rows, [sum(row[i] for row in rows) for i in range(width)]]


def suppress(counts: Grid) -> list[list[int | None]]:
    """The table with its totals; None where a count must not be told."""
    full = with_totals(counts)
    cells = {(r, c): count for r, row in enumerate(full) for c, count in enumerate(row)}
    hidden = kept_back(cells, _lines(len(full), len(full[0])))
    return [[None if (r, c) in hidden else count for c, count in enumerate(row)] for r, row in enumerate(full)]


def suppress_list(counts: Sequence[int]) -> tuple[list[int | None], int | None]:
    """A single list and its total."""
    row = suppress([counts])[0] if counts else [0]
    return list(row[:-1]), row[-1]


def _lines(rows: int, columns: int) -> Iterable[list[tuple[int, int]]]:
    yield from ([(r, c) for c in range(columns)] for r in range(rows))
    if rows > 2:  # a single row is its own total
        yield from ([(r, c) for r in range(rows)] for c in range(columns))
