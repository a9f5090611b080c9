"""What was asked for and not found, in counts: for the coverage map and the reports."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from bot.models import Demand


def unmet(session: Session, since: date, until: date) -> dict[tuple[str, str | None], int]:
    """Searches by need and parish (None: no place was said) that found nothing there, on days from `since` to `until`,
    both included. Small counts are for the eyes of `directory.coverage`, which does not tell them."""
    return _by(session, Demand.parish, since, until)


def unmet_by_district(session: Session, since: date, until: date) -> dict[tuple[str, str | None], int]:
    """The same by health district. None: no place was said, or one whose district is not known, or a whole parish,
    for parishes and districts differ."""
    return _by(session, Demand.district, since, until)


def _by(
    session: Session, area: InstrumentedAttribute[str | None], since: date, until: date
) -> dict[tuple[str, str | None], int]:
    rows = session.execute(
        select(Demand.need, area, func.count())
        .where(Demand.day.between(since, until), Demand.outcome != "found")
        .group_by(Demand.need, area)
    )
    return {(need, where): count for need, where, count in rows}
