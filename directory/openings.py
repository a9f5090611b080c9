"""A schedule as a value: what opening hours are reckoned from, without the database."""

from dataclasses import dataclass
from datetime import date, time
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Opens:
    """The fields of a schedule that `directory.hours` reads."""

    freq: str
    interval: int
    on_holidays: str
    valid_from: date | None = None
    valid_to: date | None = None
    dtstart: date | None = None
    until: date | None = None
    count: int | None = None
    wkst: str | None = None
    byday: str | None = None
    bymonthday: str | None = None
    byweekno: str | None = None
    byyearday: str | None = None
    opens_at: time | None = None
    closes_at: time | None = None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """From the database's JSON."""
        dates = {k: row[k] and date.fromisoformat(row[k]) for k in ("valid_from", "valid_to", "dtstart", "until")}
        times = {k: row[k] and time.fromisoformat(row[k]) for k in ("opens_at", "closes_at")}
        return cls(**{**row, **dates, **times})


NAMES = tuple(Opens.__dataclass_fields__)
