"""Work to keep the directory true: what texters report becomes a task for an editor."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from directory.models import CheckTask, Phone, Service

KINDS = ("number", "closed", "refused", "hours", "stale", "other")
MOST_REPORTS = 30_000


def report_wrong(
    session: Session, service_id: uuid.UUID, *, at: datetime, kind: str = "number", phone_id: uuid.UUID | None = None
) -> uuid.UUID:
    """A texter says that a service is not as told (`kind`: number, closed, refused, hours, other).

    Makes a task, or adds a report to the open one of this service, kind and number (`phone_id`: the one that had been
    given out; one that is gone counts as not known). Returns its id. The texter's words are not kept here. Raises
    InvalidInput for an unknown service or kind.
    """
    if kind not in KINDS or session.get(Service, service_id) is None:
        raise InvalidInput("there is no such service or kind of report")
    phone = session.get(Phone, phone_id) if phone_id else None
    new = insert(CheckTask).values(
        id=uuid.uuid4(), service_id=service_id, kind=kind, phone_id=phone.id if phone else None, first_reported_at=at,
        last_reported_at=at,
    )  # fmt: skip
    again = new.on_conflict_do_update(
        index_elements=[CheckTask.service_id, CheckTask.kind, CheckTask.phone_id],
        index_where=text("done_at IS NULL"),
        set_={"reports": func.least(CheckTask.reports + 1, MOST_REPORTS), "last_reported_at": at},
    )
    return session.execute(again.returning(CheckTask.id)).scalar_one()


def open_tasks(session: Session, limit: int = 100) -> Sequence[CheckTask]:
    """What waits to be checked, the most reported first, then the oldest."""
    order = (CheckTask.reports.desc(), CheckTask.first_reported_at)
    return session.scalars(select(CheckTask).where(CheckTask.done_at.is_(None)).order_by(*order).limit(limit)).all()


def finish(session: Session, task_id: uuid.UUID, *, by: str, at: datetime, outcome: str) -> None:
    """Close a task. Refused when it is not open."""
    task = session.get(CheckTask, task_id, with_for_update=True)
    if task is None or task.done_at is not None:
        raise Refused("this check is not open")
    task.done_at, task.done_by, task.outcome = at, by, outcome
