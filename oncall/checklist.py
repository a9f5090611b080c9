"""The checklist of a case: the steps of its concerns' procedures, as they were when the case began."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from oncall import sop
from oncall.cases import event
from oncall.models import Case
from oncall.models.checklist import ChecklistStep
from oncall.sop import SEVERITIES, Sop

ANSWERS = ("done", "not_needed")


def attach(session: Session, case: Case, begun: datetime, procedures: dict[str, Sop] | None = None) -> None:
    """Give a case the steps of each of its concerns that it has not got yet. `begun`: from when their times count (a
    concern told of later counts from then). What is not done is due earlier when the case became worse. Idempotent; in
    the transaction of the message."""
    known = sop.sops() if procedures is None else procedures
    has = set(session.scalars(select(ChecklistStep.concern).where(ChecklistStep.case_id == case.id).distinct()))
    for concern in case.concerns:
        if concern in has or concern not in known:
            continue
        rows = _rows(case, known[concern], begun)
        session.execute(insert(ChecklistStep).on_conflict_do_nothing(), rows)
    if not has:
        return  # all its steps are new
    for step in session.scalars(
        select(ChecklistStep).where(ChecklistStep.case_id == case.id, ChecklistStep.answer.is_(None))
    ):
        step.due_at = min(step.due_at, step.begun_at + timedelta(seconds=step.within[case.severity]))


def _rows(case: Case, procedure: Sop, begun: datetime) -> list[dict[str, object]]:
    return [
        {
            "id": uuid.uuid4(), "case_id": case.id, "concern": procedure.concern, "version": procedure.version,
            "key": step.key, "position": position, "who": step.who, "what": step.what, "done_when": step.done_when,
            "begun_at": begun, "within": {name: step.due(name).total_seconds() for name in SEVERITIES},
            "due_at": begun + step.due(case.severity),
        }
        for position, step in enumerate(procedure.steps)
    ]  # fmt: skip


def steps(session: Session, case_id: uuid.UUID) -> Sequence[ChecklistStep]:
    """The steps of a case, those due first at the head."""
    mine = select(ChecklistStep).where(ChecklistStep.case_id == case_id)
    order = (ChecklistStep.due_at, ChecklistStep.concern, ChecklistStep.position)
    return session.scalars(mine.order_by(*order)).all()


def late_by(step: ChecklistStep, now: datetime) -> timedelta:
    """How late a step is, or was done; nothing when in time."""
    return max((step.answered_at or now) - step.due_at, timedelta(0))


def answer(
    session: Session, step_id: uuid.UUID, staff_id: uuid.UUID, said: str, now: datetime, *, note: str | None = None
) -> ChecklistStep:
    """Tick a step: done, or not_needed with a note that says why. Refused once it was answered."""
    step = session.get(ChecklistStep, step_id, with_for_update=True, populate_existing=True)
    if step is None:
        raise Refused("there is no such step")
    if said not in ANSWERS or (said == "not_needed" and not (note or "").strip()):
        raise InvalidInput("a step is done, or not_needed with a note that says why")
    if step.answer:
        raise Refused("this step was answered already")
    step.answer, step.answered_at, step.answered_by_id, step.note = said, now, staff_id, note
    case = session.get_one(Case, step.case_id)
    event(session, case, "step", now, staff_id=staff_id, detail={"step": step.key, "answer": said})
    session.flush()
    return step


def late(session: Session, now: datetime) -> Sequence[ChecklistStep]:
    """Steps of open cases that should be done by now, the latest of them last."""
    open_late = (
        select(ChecklistStep)
        .join(Case, Case.id == ChecklistStep.case_id)
        .where(Case.closed_at.is_(None), Case.state != "merged")
        .where(ChecklistStep.answer.is_(None), ChecklistStep.due_at < now)
    )
    return session.scalars(open_late.order_by(ChecklistStep.due_at)).all()
