"""A report's tables: what stands in them, where it is from, and which counts are kept back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dashboard.reports.suppress import FEWEST, suppress, suppress_list
from dashboard.words import N_, _

HIDDEN = f"<{FEWEST}"
Value = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Column heads and rows. `source` says where the figures are from. `chart`: which column is drawn as bars."""

    key: str
    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    chart: int | None = None
    note: str = ""

    @property
    def longest(self) -> float:
        """The largest value of the charted column."""
        values = (row[self.chart] for row in self.rows if self.chart is not None)
        return max((float(value) for value in values if isinstance(value, int | float)), default=0.0)


def shown(value: Value) -> str:
    """A value as it is written; a hidden count as `<5`, although it may be larger (kept back so that none is found)."""
    if value is None:
        return HIDDEN
    return f"{value:g}" if isinstance(value, float) else str(value)


def said(table: Table) -> Table:
    """A table in the reader's language: what is kept is English."""
    rows = tuple(tuple(_(one) if isinstance(one, str) else one for one in row) for row in table.rows)
    return replace(
        table, title=_(table.title), source=_(table.source), note=_(table.note) if table.note else "",
        columns=tuple(_(one) for one in table.columns), rows=rows,
    )  # fmt: skip


def counted(
    key: str, title: str, source: str, head: str, counts: Sequence[tuple[str, int]], *, note: str = ""
) -> Table:
    """One list of counts with its total, small ones kept back."""
    told, total = suppress_list([count for _, count in counts])
    rows = [(name, one) for (name, _), one in zip(counts, told, strict=True)]
    return Table(key, title, source, (head, N_("Count")), (*rows, (N_("Total"), total)), chart=1, note=note)


def crossed(
    key: str, title: str, source: str, head: str, rows: Sequence[str], columns: Sequence[str],
    counts: dict[tuple[str, str], int], *, note: str = "",
) -> Table:  # fmt: skip
    """Counts by two things, with totals, small ones kept back."""
    told = suppress([[counts.get((row, column), 0) for column in columns] for row in rows]) if rows else []
    named = zip((*rows, "Total"), told, strict=False)
    return Table(
        key, title, source, (head, *columns, "Total"), tuple((name, *values) for name, values in named), note=note
    )
