"""Looking at a case: whose it is, who has it before them and who is writing. Each look is noted in the case's log."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from oncall import staff
from oncall.cases import event
from oncall.models import Case, CaseViewer, Staff

AGAIN = timedelta(minutes=15)  # after so long without doing anything there, one is asked to look again
WRITING = timedelta(seconds=15)  # so long after the last letter somebody counts as writing


def find(session: Session, code: str, who: Staff) -> Case | None:
    """The case that has a code: the open one (of a merged one, the case it belongs to now), else the newest closed one
    that this person may see (`_closed`). `4821-20261124`: the one that was closed on that day, for a code may be given
    again. None for anything else."""
    if not staff.may_take(who):
        return None
    code, _, day = code.partition("-")
    if day:
        return _closed_on(session, code, who, day)
    case = session.scalar(select(Case).where(Case.code == code, Case.closed_at.is_(None)))
    while case is not None and case.merged_into:
        case = session.get(Case, case.merged_into)
    return case or session.scalar(_closed(code, who).limit(1))


def address(case: Case) -> str:
    """By what `find` finds this case and no other: the code, and of a closed one the day it was closed."""
    return f"{case.code}-{case.closed_at.astimezone(DOMINICA):%Y%m%d}" if case.closed_at else case.code


def earlier(session: Session, case: Case, who: Staff) -> Sequence[Case]:
    """Other cases that had the code and are closed, as far as this person may see them; the newest first."""
    return session.scalars(_closed(case.code, who).where(Case.id != case.id)).all() if staff.may_take(who) else []


def _closed_on(session: Session, code: str, who: Staff, day: str) -> Case | None:
    try:
        begins = datetime.strptime(day, "%Y%m%d").replace(tzinfo=DOMINICA)
    except ValueError:
        return None
    there = (Case.closed_at >= begins, Case.closed_at < begins + timedelta(days=1))
    return session.scalar(_closed(code, who).where(*there).limit(1))


def _closed(code: str, who: Staff) -> Select[Case]:
    """Closed ones that this person had, asked to close, or approved; supervisors see every one. The newest first."""
    closed = select(Case).where(Case.code == code, Case.closed_at.is_not(None), Case.merged_into.is_(None))
    if "supervisor" not in who.roles:
        closed = closed.where(or_(Case.owner_id == who.id, Case.closing_by_id == who.id, Case.approved_by_id == who.id))
    return closed.order_by(Case.closed_at.desc())


def works_on(case: Case, who: Staff) -> bool:
    """Whether somebody may change a case: who has it, and supervisors."""
    return staff.may_take(who) and (case.owner_id == who.id or "supervisor" in who.roles)


def look(session: Session, case: Case, who: Staff, now: datetime) -> None:
    """Open a case: the look is logged."""
    row = {"case_id": case.id, "staff_id": who.id, "viewed_at": now, "seen_at": now}
    anew = {"viewed_at": now, "seen_at": now, "writing_at": None}
    keys = [CaseViewer.case_id, CaseViewer.staff_id]
    session.execute(insert(CaseViewer).values(row).on_conflict_do_update(index_elements=keys, set_=anew))
    event(session, case, "viewed", now, staff_id=who.id)


def before(session: Session, case: Case, who: Staff, now: datetime, *, acts: bool = True) -> bool:
    """Whether somebody has the case before them: they opened it and have not been away since. `acts`: this counts as
    doing something there; a page that refreshes itself does not."""
    mine = (CaseViewer.case_id == case.id, CaseViewer.staff_id == who.id, CaseViewer.seen_at > now - AGAIN)
    if not acts:
        return session.scalar(select(CaseViewer.seen_at).where(*mine)) is not None
    newer = func.greatest(CaseViewer.seen_at, now)
    seen = update(CaseViewer).where(*mine).values(seen_at=newer).returning(CaseViewer.seen_at)
    return session.scalar(seen) is not None


def writes(session: Session, case: Case, who: Staff, now: datetime, *, ended: bool = False) -> None:
    """They are typing a reply; `ended`: they have sent it."""
    mine = (CaseViewer.case_id == case.id, CaseViewer.staff_id == who.id)
    session.execute(update(CaseViewer).where(*mine).values(writing_at=None if ended else now))


def writing(session: Session, case: Case, now: datetime, *, but: uuid.UUID) -> Sequence[str]:
    """The names of others who are typing a reply in this case."""
    query = (
        select(Staff)
        .join(CaseViewer, CaseViewer.staff_id == Staff.id)
        .where(CaseViewer.case_id == case.id, CaseViewer.writing_at > now - WRITING, Staff.id != but)
    )
    return [one.name for one in session.scalars(query)]
