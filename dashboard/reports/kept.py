"""Reports as they are told: counted once when the month is over, and kept. What changes afterwards (a step done late, a
severity, an erased message) changes no report: two looks at one month differ in nothing, and nobody can be found by
subtracting one from the other."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from dashboard.models import MonthlyReport
from dashboard.reports import figures
from dashboard.reports.period import Month, month
from dashboard.reports.tables import Table


def report(session: Session, when: Month, now: datetime) -> tuple[list[Table], datetime]:
    """A month's tables, and when they were counted. `when` is over (`period.month` refuses another one)."""
    mine = select(MonthlyReport).where(MonthlyReport.month == when.first)
    if session.scalar(mine) is None:
        row = {"month": when.first, "made_at": now, "tables": [asdict(one) for one in figures.tables(session, when)]}
        session.execute(insert(MonthlyReport).values(row).on_conflict_do_nothing())
    found = session.scalars(mine.execution_options(populate_existing=True)).one()
    return [_table(one) for one in found.tables], found.made_at


def newest(session: Session, now: datetime) -> date:
    """Count the newest month that is over, if nobody has asked for it yet: before anything of it is erased."""
    when = month(None, now.astimezone(DOMINICA).date())
    report(session, when, now)
    return when.first


def _table(kept: dict[str, Any]) -> Table:
    rows: Sequence[Sequence[Any]] = kept["rows"]
    return Table(**kept | {"columns": tuple(kept["columns"]), "rows": tuple(tuple(row) for row in rows)})
