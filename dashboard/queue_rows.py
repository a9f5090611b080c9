"""The queue: open cases, the worst first, and how many there are of what. Codes, states and times only; what a case is
about, and whose it is, stands on its own page, whose opening is logged."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, func, not_, or_, select
from sqlalchemy import case as sql_case
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from bot.models import UnreadMessage
from dashboard.queue_filters import UNKNOWN, Filters
from oncall.models import Case, Staff

MOST = 100  # rows shown; the rest is counted, and filters bring it forward
GRACE = timedelta(seconds=30)  # so long after its time a clock is "due", not "late": the engine is at it
_WORST = sql_case({"critical": 0, "high": 1}, value=Case.severity, else_=2)
_OPEN = and_(Case.closed_at.is_(None), Case.state != "merged")
_CLOCKS = (("page", Case.page_due_at), ("reply", Case.reply_due_at), ("contact", Case.contact_due_at),
           ("news", Case.news_at), ("close", Case.close_due_at))  # fmt: skip
_CLOCK = sql_case(*((column == Case.due_at, name) for name, column in _CLOCKS), else_="")


@dataclass(frozen=True)
class Line:
    """One case in the queue. `clock`: what is due next (page, reply, contact, close, news) at `due_at`; of a page, to
    `next_level`. `late`: its time is over, or contact was due and is being reminded of."""

    id: uuid.UUID
    code: str
    severity: str
    state: str
    level: int
    next_level: int
    language: str | None
    opened_at: datetime
    clock: str
    due_at: datetime | None
    late: bool
    owner_id: uuid.UUID | None
    owner: str
    news: bool
    drill: bool


@dataclass(frozen=True)
class Counts:
    """Of all open cases, whatever the filters; drills only in `drills`. `matching`: of those the filters let through.
    `urgent`: codes of the critical cases nobody has, drills among them, for a drill must ring too. `owners`: how many
    each has."""

    open: int
    unowned: int
    critical: int
    late: int
    drills: int
    matching: int
    closed_today: int
    unread: int
    urgent: tuple[str, ...] = ()
    owners: Mapping[uuid.UUID, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What the queue page shows."""

    lines: tuple[Line, ...]
    counts: Counts

    @property
    def rest(self) -> int:
        """How many match and are not shown."""
        return max(self.counts.matching - len(self.lines), 0)


def look(session: Session, filters: Filters, me: uuid.UUID, now: datetime) -> Found:
    """The worst cases that the filters let through, and the counts."""
    matching = and_(_OPEN, *_conditions(filters, me, now))
    rows = session.execute(_lines(now).where(matching).limit(MOST)).all()
    names = _names(session, {row.owner_id for row in rows if row.owner_id})
    return Found(tuple(_line(row, names) for row in rows), _counts(session, matching, now))


def _late(now: datetime) -> ColumnElement[bool]:
    return or_(Case.due_at < now - GRACE, Case.late > 0)


def _lines(now: datetime) -> Select[tuple[object, ...]]:
    """Severity first, then those nobody has, then the late, then what is due first."""
    late = _late(now).label("late")
    columns = (
        Case.id, Case.code, Case.severity, Case.state, Case.level, Case.next_level, Case.language, Case.opened_at,
        _CLOCK.label("clock"), Case.due_at, late, Case.owner_id, Case.news.is_not(None).label("news"), Case.drill,
        Case.closing_by_id,
    )  # fmt: skip
    return select(*columns).order_by(_WORST, Case.owner_id.is_not(None), not_(late), Case.due_at, Case.id)


def _conditions(filters: Filters, me: uuid.UUID, now: datetime) -> Iterable[ColumnElement[bool]]:
    whose = [one for wanted, one in ((filters.mine, Case.owner_id == me), (filters.unowned, Case.owner_id.is_(None)))
             if wanted]  # fmt: skip
    if whose:
        yield or_(*whose)
    if filters.late:
        yield _late(now)
    if filters.severity:
        yield Case.severity.in_(filters.severity)
    if filters.language:
        yield func.coalesce(Case.language, UNKNOWN).in_(filters.language)
    if filters.state:
        yield or_(*(_in_state(state) for state in filters.state))
    if filters.drills:
        yield Case.drill.is_(filters.drills == "only")


def _in_state(state: str) -> ColumnElement[bool]:
    if state == "closing":
        return Case.closing_by_id.is_not(None)
    return and_(Case.state == state, Case.closing_by_id.is_(None))


def _line(row: Row[tuple[object, ...]], names: dict[uuid.UUID, str]) -> Line:
    return Line(
        id=row.id, code=row.code, severity=row.severity, state="closing" if row.closing_by_id else row.state,
        level=row.level, next_level=row.next_level, language=row.language, opened_at=row.opened_at, clock=row.clock,
        due_at=row.due_at, late=bool(row.late), owner_id=row.owner_id, owner=names.get(row.owner_id, ""),
        news=row.news, drill=row.drill,
    )  # fmt: skip


def _names(session: Session, staff_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    if not staff_ids:
        return {}
    return {row[0]: row[1] for row in session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(staff_ids)))}


def _counts(session: Session, matching: ColumnElement[bool], now: datetime) -> Counts:
    real = not_(Case.drill)
    wanted: dict[str, ColumnElement[bool]] = {
        "open": real,
        "unowned": and_(real, Case.owner_id.is_(None)),
        "critical": and_(real, Case.severity == "critical"),
        "late": and_(real, _late(now)),
        "drills": Case.drill.is_(True),
        "matching": matching,
    }
    told = session.execute(
        select(*(func.count().filter(one).label(name) for name, one in wanted.items())).where(_OPEN)
    ).mappings()
    owned = select(Case.owner_id, func.count()).where(_OPEN, real, Case.owner_id.is_not(None)).group_by(Case.owner_id)
    urgent = select(Case.code).where(_OPEN, Case.severity == "critical", Case.owner_id.is_(None))
    return Counts(
        **told.one(),
        closed_today=_closed_today(session, now),
        unread=session.scalar(select(func.count()).where(UnreadMessage.done_at.is_(None))) or 0,
        urgent=tuple(session.scalars(urgent.order_by(Case.opened_at.desc()).limit(MOST))),
        owners={row[0]: row[1] for row in session.execute(owned) if row[0]},
    )


def _closed_today(session: Session, now: datetime) -> int:
    """Since midnight in Dominica; a merged case counts with the one it belongs to."""
    midnight = datetime.combine(now.astimezone(DOMINICA).date(), time(), DOMINICA)
    closed = select(func.count()).where(Case.closed_at >= midnight, Case.state == "closed", not_(Case.drill))
    return session.scalar(closed) or 0
