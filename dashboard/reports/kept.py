"""Reports as they are told: counted once when the month is over, and kept. What changes afterwards (a step done late, a
severity, an erased message) changes no report: two looks at one month differ in nothing, and nobody can be found by
subtracting one from the other."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.errors import Refused
from base.settings import Settings
from dashboard.models import MonthlyReport
from dashboard.reports import figures
from dashboard.reports.period import Month, month
from dashboard.reports.tables import Table
from directory.coverage import Unmet


def report(session: Session, when: Month, now: datetime, keep: timedelta) -> tuple[list[Table], datetime]:
    """A month's tables, and when they were counted. `when` is over (`period.month` refuses another one). `keep`: how
    long rows are kept (`retention.log`). Refused for a month that was not counted while all of its rows were there:
    what is left of them would be told as if it were all."""
    mine = select(MonthlyReport).where(MonthlyReport.month == when.first)
    if session.scalar(mine) is None:
        if not whole(when, now, keep):
            raise Refused(f"{when.name} was not counted before its searches and messages were erased, and is not told")
        row = {"month": when.first, "made_at": now, "tables": [asdict(one) for one in figures.tables(session, when)]}
        session.execute(insert(MonthlyReport).values(row).on_conflict_do_nothing())
    found = session.scalars(mine.execution_options(populate_existing=True)).one()
    return [_table(one) for one in found.tables], found.made_at


def whole(when: Month, now: datetime, keep: timedelta) -> bool:
    """Whether nothing of a month is erased yet. A day to spare: the purge goes by days of the database's time zone."""
    return when.begins - timedelta(days=1) > now - keep


def count(session: Session, now: datetime, keep: timedelta) -> list[Month]:
    """Count the newest month that is over, and those before it since the first one that was counted (the service stood
    still; somebody looked at the newest one before this did), before anything of them is erased. Returns those since
    the last one that are too late: something of them is erased."""
    newest = month(None, now.astimezone(DOMINICA).date())
    there, late = set(session.scalars(select(MonthlyReport.month))), list[Month]()
    last, when = max(there, default=date.min), Month(min(there | {newest.first}))
    while when.first <= newest.first:
        if whole(when, now, keep):
            report(session, when, now, keep)
        elif when.first > last:
            late.append(when)
        when = when.next
    return late


def unmet(session: Session, when: Month, now: datetime, settings: Settings, kind: str) -> Unmet | None:
    """Of a month's report the searches that were not met, by need and `kind` (parish or district). None: not told."""
    try:
        tables, _made = report(session, when, now, settings.config.retention.log)
    except Refused:
        return None
    table = next((one for one in tables if one.key == f"unmet_{kind}"), None)
    if table is None:
        return None
    return {
        (str(row[0]), place): value if isinstance(value, int) else None
        for row in table.rows
        for place, value in zip(table.columns[1:-1], row[1:-1], strict=True)
    }


def _table(kept: dict[str, Any]) -> Table:
    rows: Sequence[Sequence[Any]] = kept["rows"]
    return Table(**kept | {"columns": tuple(kept["columns"]), "rows": tuple(tuple(row) for row in rows)})
