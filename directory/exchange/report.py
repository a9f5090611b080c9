"""What is told about an import: what it does, or would do, and what is wrong, row by row and field by field."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_FAULTS = 200
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `row` counts as the file's own program does (a CSV's first line is row 1)."""

    file: str
    wrong: str
    row: int | None = None
    field: str = ""
    expected: str = ""

    def __str__(self) -> str:
        where = self.file if self.row is None else f"{self.file} line {self.row}"
        where += f", {self.field}" if self.field else ""
        return f"{where}: {self.wrong}" + (f"; expected: {self.expected}" if self.expected else "")


@dataclass(slots=True)
class Report:
    """What an import does, or would do, in rows. With faults nothing is done.

    `notes` are sentences about what is in the file and has no place here.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    faults: list[Fault] = field(default_factory=list)
    left_out: int = 0
    notes: Counter[str] = field(default_factory=Counter)

    def fault(self, fault: Fault) -> None:
        """Keep it, or count it when there are too many to read."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)
        else:
            self.left_out += 1

    def lines(self) -> list[str]:
        """All of it in words, the last line with the numbers."""
        told = [str(fault) for fault in self.faults]
        told += [f"and {self.left_out} more faults"] if self.left_out else []
        told += [f"note: {note}" + (f" ({count} times)" if count > 1 else "") for note, count in self.notes.items()]
        counts = f"{self.added} added, {self.changed} changed, {self.removed} removed, {self.unchanged} unchanged"
        return [*told, f"{counts}, {len(self.faults) + self.left_out} faults"]
