"""What texters report becomes work for an editor."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

import directory.models as m
from base.errors import InvalidInput, Refused
from directory import checks
from directory.seed_rows import service_id

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ODM = service_id("odm")


def test_reports_of_one_fault_are_one_task(session: Session) -> None:
    first = checks.report_wrong(session, ODM, at=NOW)
    assert checks.report_wrong(session, ODM, at=LATER) == first
    other = checks.report_wrong(session, ODM, at=NOW, kind="closed")
    task = session.get_one(m.CheckTask, first)
    session.refresh(task)
    assert (task.reports, task.first_reported_at, task.last_reported_at) == (2, NOW, LATER)
    assert [t.id for t in checks.open_tasks(session)] == [first, other]


def test_a_fault_after_the_check_is_a_new_task(session: Session) -> None:
    first = checks.report_wrong(session, ODM, at=NOW)
    checks.finish(session, first, by="A. Clerk", at=LATER, outcome="number works")
    assert checks.open_tasks(session) == []
    assert checks.report_wrong(session, ODM, at=LATER) != first
    with pytest.raises(Refused):
        checks.finish(session, first, by="A. Clerk", at=LATER, outcome="again")


def test_unknown_service_or_kind(session: Session) -> None:
    with pytest.raises(InvalidInput):
        checks.report_wrong(session, uuid.uuid4(), at=NOW)
    with pytest.raises(InvalidInput):
        checks.report_wrong(session, ODM, at=NOW, kind="ugly")
