"""The log of who did what: whole as long as nobody touched it, and whoever touches it is found."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from base import audit

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def fill(session: Session, count: int = 5) -> None:
    for number in range(count):
        actor, told = uuid.UUID(int=number), {"n": number, "a": "é"}
        audit.record(
            session, "looked", NOW + timedelta(microseconds=number), actor=actor, subject="case:1", detail=told
        )
    session.expire_all()


def test_an_untouched_log_is_whole(session: Session) -> None:
    assert audit.verify(session).whole
    fill(session)
    found = audit.verify(session)
    assert (found.count, found.broken_at) == (5, None)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit_event SET action = 'other' WHERE seq = 3", 3),
        ("UPDATE audit_event SET detail = '{}' WHERE seq = 2", 2),
        ("UPDATE audit_event SET at = at + interval '1 microsecond' WHERE seq = 5", 5),
        ("UPDATE audit_event SET actor_id = NULL WHERE seq = 1", 1),
        ("DELETE FROM audit_event WHERE seq = 2", 3),
        ("UPDATE audit_event SET seq = seq + 100 WHERE seq = 5", 105),
    ],
)
def test_a_change_behind_its_back_is_found(session: Session, change: str, broken: int) -> None:
    fill(session)
    session.execute(text("ALTER TABLE audit_event DISABLE TRIGGER audit_append_only"))
    session.execute(text(change))
    session.expire_all()
    assert audit.verify(session).broken_at == broken


@pytest.mark.parametrize("change", ["UPDATE audit_event SET action = 'x'", "DELETE FROM audit_event"])
def test_the_database_refuses_to_change_or_remove_an_entry(session: Session, change: str) -> None:
    fill(session, 1)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(change))
