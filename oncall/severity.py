"""A person sets how bad a case is. By itself severity only rises (oncall.cases); lowering it is a decision with a
reason, which stands in the log for the supervisors, and closing still needs the approval of the worst it was."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from oncall import staff
from oncall.cases import SEVERITIES, locked, worse
from oncall.looking import works_on
from oncall.models import Case, CaseEvent
from oncall.models.checklist import ChecklistStep
from oncall.policy import rules_of


def change(
    session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, severity: str, now: datetime, *, reason: str = ""
) -> str:
    """Raise or lower; the clocks that run are set by the rules of the new severity. Returns "raised" or "lowered".

    Refused for who does not have the case and is no supervisor; InvalidInput when it is lowered without a reason."""
    case, who = locked(session, case_id), staff.get(session, staff_id)
    if case.closed_at or not works_on(case, who):
        raise Refused("this case is closed" if case.closed_at else "only who has the case, or a supervisor, does this")
    if severity not in SEVERITIES or severity == case.severity:
        raise InvalidInput("another severity than it has")
    kind = "raised" if worse(case.severity, severity) == severity else "lowered"
    if kind == "lowered" and not reason.strip():
        raise InvalidInput("why is it less bad than it was?")
    before, case.severity = case.severity, severity
    _clocks(case, now, risen=kind == "raised")
    _steps(session, case)
    told = {"to": severity} | ({"reason": reason.strip()} if reason.strip() else {})
    named = before if kind == "lowered" else severity  # the worse of the two: what closing goes by
    session.add(CaseEvent(case_id=case.id, kind=kind, at=now, staff_id=who.id, severity=named, detail=told))
    session.flush()
    return kind


def _clocks(case: Case, now: datetime, *, risen: bool) -> None:
    """Each clock that runs, from the moment it began. A worse case that nobody has is paged at once."""
    rules = rules_of(case)
    if risen and case.owner_id is None:
        case.page_due_at, case.next_level = now, max(case.level, 1)
    if rules is None:
        return
    if not risen and case.page_due_at and case.owner_id is None:
        begun = case.paged_at if case.level and case.paged_at else case.opened_at
        case.page_due_at = rules.next_page(case.level, begun) if case.level else rules.first_page(begun)
    if case.reply_due_at and case.acknowledged_at:
        case.reply_due_at = rules.reply_due(case.acknowledged_at)
    if case.contact_due_at and case.contact_at:
        case.contact_due_at = rules.contact_due(case.contact_at)
    if case.close_due_at:
        case.close_due_at = rules.close_due(case.opened_at)


def _steps(session: Session, case: Case) -> None:
    """What the procedure still asks for."""
    left = select(ChecklistStep).where(ChecklistStep.case_id == case.id, ChecklistStep.answer.is_(None))
    for step in session.scalars(left):
        step.due_at = step.begun_at + timedelta(seconds=step.within[case.severity])
