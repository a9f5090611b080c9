"""Hides small counts in a table whose totals are told, so that they cannot be reckoned back.

A count from 1 to 4 is hidden (docs/privacy.md). What is left over in each row and column (its total less what is told)
must not give a hidden count away: wherever something is hidden, at least two counts are, and together they make five or
more; else the smallest other count of that line is hidden too, at last the total itself. After the usual rules of
statistical offices for primary and complementary suppression; an exact search for the fewest hidden cells is not tried.
"""

from collections.abc import Iterable, Sequence

FEWEST = 5
Grid = Sequence[Sequence[int]]
Cell = tuple[int, int]
Line = list[Cell]  # a row or a column; the last is its total


def roughly(count: int) -> int:
    """A count that others must not be subtracted from: rounded down to 5, 10, 20, 50, 100 and so on; 0 below five."""
    steps = (base * 10**power for power in range(7) for base in (1, 2, 5))
    return max((step for step in steps if FEWEST <= step <= count), default=0)


def with_totals(counts: Grid) -> list[list[int]]:
    """The counts with a total at the end of each row and below each column."""
    rows = [[*row, sum(row)] for row in counts]
    width = len(rows[0]) if rows else 1
    return [*rows, [sum(row[i] for row in rows) for i in range(width)]]


def suppress(counts: Grid) -> list[list[int | None]]:
    """The table with its totals; None where a count must not be told."""
    full = with_totals(counts)
    lines = list(_lines(len(full), len(full[0])))
    hidden = {(r, c) for r, row in enumerate(full) for c, count in enumerate(row) if 0 < count < FEWEST}
    while more := next((cell for line in lines if (cell := _one_more(full, line, hidden))), None):
        hidden.add(more)
    return [[None if (r, c) in hidden else count for c, count in enumerate(row)] for r, row in enumerate(full)]


def suppress_list(counts: Sequence[int]) -> tuple[list[int | None], int | None]:
    """A single list and its total."""
    row = suppress([counts])[0] if counts else [0]
    return list(row[:-1]), row[-1]


def _lines(rows: int, columns: int) -> Iterable[Line]:
    yield from ([(r, c) for c in range(columns)] for r in range(rows))
    if rows > 2:  # a single row is its own total
        yield from ([(r, c) for r in range(rows)] for c in range(columns))


def _one_more(full: Grid, line: Line, hidden: set[Cell]) -> Cell | None:
    """What has to be hidden besides in a line; None when it is safe."""
    gone = [cell for cell in line if cell in hidden]
    if not gone:
        return None
    told_total = line[-1] not in hidden
    inner = [cell for cell in gone if cell != line[-1]]
    left = sum(full[r][c] for r, c in inner)
    if told_total and len(inner) >= 2 and left >= FEWEST:
        return None
    if not told_total and inner:
        return None
    shown = [cell for cell in line[:-1] if cell not in hidden]
    nonzero = [cell for cell in shown if full[cell[0]][cell[1]]] or shown
    if nonzero:
        return min(nonzero, key=lambda cell: (full[cell[0]][cell[1]], cell))
    return line[-1] if told_total else None
