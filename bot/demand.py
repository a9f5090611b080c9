"""What was asked for and not found, in counts: for the coverage map and the reports."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.models import Demand


def unmet(session: Session, since: date, until: date) -> dict[tuple[str, str | None], int]:
    """Searches by need and parish (None: no place was said) that found nothing there, on days from `since` to `until`,
    both included. Small counts are for the eyes of `directory.coverage`, which does not tell them."""
    rows = session.execute(
        select(Demand.need, Demand.parish, func.count())
        .where(Demand.day.between(since, until), Demand.outcome != "found")
        .group_by(Demand.need, Demand.parish)
    )
    return {(need, parish): count for need, parish, count in rows}
