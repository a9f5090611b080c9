"""Cases for the queue page, each from a message as it comes in."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from messaging import inbox
from messaging.inbound import Inbound
from oncall import cases
from oncall.cases import Disclosure
from oncall.models import Case

WORDS = "he beats me every night"
_numbers = itertools.count(1)


def opened(
    sessions: sessionmaker[Session],
    severity: str = "high",
    *,
    language: str | None = "en",
    minutes_ago: float = 0,
    due_in: float = 5,
    **columns: object,
) -> Case:
    """A person tells of harm; then the case is as `columns` say. `due_in`: minutes until its page is due."""
    number, now = next(_numbers), datetime.now(UTC)
    with transaction(sessions) as session:
        message = Inbound("test", f"SMqueue{number}", "sms", f"person {number}", WORDS)
        got = inbox.receive(session, message)
        assert got.message_id is not None
        told = Disclosure("domestic_violence", severity, ("x",))
        begun = now - timedelta(minutes=minutes_ago)
        case = cases.disclose(session, got.conversation_id, got.message_id, told, language=language, now=begun)
        case.page_due_at, case.state, case.level, case.next_level = now + timedelta(minutes=due_in), "paged", 1, 2
        for name, value in columns.items():
            setattr(case, name, value)
        if case.owner_id:
            case.page_due_at = None
    return case


def owned(sessions: sessionmaker[Session], owner: uuid.UUID, severity: str = "high", **columns: object) -> Case:
    """A case somebody is in contact about."""
    now = datetime.now(UTC)
    times = {"acknowledged_at": now, "engaged_at": now, "contact_at": now, "contact_due_at": now + timedelta(hours=3)}
    return opened(sessions, severity, **{"owner_id": owner, "state": "engaged", **times, **columns})  # type: ignore[arg-type]


def change(sessions: sessionmaker[Session], case: Case, **columns: object) -> None:
    with transaction(sessions) as session:
        found = session.get_one(Case, case.id)
        for name, value in columns.items():
            setattr(found, name, value)
