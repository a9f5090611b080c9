"""The health page: parts, queues and alarms without a word of anybody; what did not leave is sent again only where that
is safe."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent
from base.heartbeat import Heartbeat, beat
from messaging import inbox, simulator
from messaging.models import Address, Conversation, OutboundMessage
from messaging.outbox import Lane
from oncall import alarms
from tests.dashboard.conftest import SignedIn

Sessions = sessionmaker[Session]
NOW = datetime.now(UTC)


def message(sessions: Sessions, **changed: Any) -> uuid.UUID:
    """A message the carrier refused just now, but for what is changed."""
    values: dict[str, Any] = {
        "channel": "sim_sms", "lane": int(Lane.REPLY), "body": "secret words", "segments": 1, "state": "failed",
        "error_code": 20003, "attempts": 3,
    }  # fmt: skip
    with sessions() as session, session.begin():
        got = inbox.receive(session, simulator.parse_inbound("sms", "+17675550100", "hello"))
        values |= {"conversation_id": got.conversation_id, "created_at": datetime.now(UTC)} | changed
        made = OutboundMessage(**values)
        session.add(made)
        session.flush()
        return made.id


def state(sessions: Sessions, outbound_id: uuid.UUID) -> str:
    with sessions() as session:
        return session.get_one(OutboundMessage, outbound_id).state


def test_the_page_names_parts_processes_queues_and_alarms(signed_in: SignedIn, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        beat(session, "a test process", "rasa away")
        beat(session, "synthetic", "ok")
        alarms.raise_alarm(session, "gap", NOW, subject="nobody 1")
    message(sessions, state="queued", due_at=NOW - timedelta(seconds=200))
    said = signed_in("administrator").words("/health")
    for told in ("a test process", "rasa away", "synthetic message", "gap nobody 1", "database ok", "spool ok",
                 "redis ok", "rasa not set", "Open the phone", "reply sim_sms queued 1" ):  # fmt: skip
        assert told in said
    assert re.search(r"replies \d+ s alarm", said)
    assert "secret words" not in said
    assert "5550100" not in said
    with sessions() as session, session.begin():
        session.execute(delete(Heartbeat).where(Heartbeat.name.in_(["a test process", "synthetic"])))


def test_a_refused_message_is_sent_again_once(signed_in: SignedIn, sessions: Sessions) -> None:
    refused, browser = message(sessions), signed_in("administrator")
    assert f"/health/replay/{refused}" in browser.get("/health").text
    assert browser.post(f"/health/replay/{refused}").status_code == 200
    assert state(sessions, refused) == "queued"
    assert browser.post(f"/health/replay/{refused}").status_code == 409
    with sessions() as session:
        entry = session.scalars(select(AuditEvent)).one()
    assert (entry.action, entry.subject) == ("message sent again", f"outbound:{refused}")


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "unknown"}, {"state": "held"}, {"state": "accepted", "external_id": "SM1"}, {"state": "sending"},
        {"external_id": "SM1"}, {"delivery": "failed"}, {"reason": "opted out"}, {"reason": "window over"},
        {"reason": "damaged"}, {"reason": "too late"}, {"lane": int(Lane.PROTECTION)}, {"body": None},
        {"created_at": NOW - timedelta(hours=3)},
    ],
)  # fmt: skip
def test_what_may_have_left_or_would_harm_is_not_sent_again(
    signed_in: SignedIn, sessions: Sessions, changed: dict[str, Any]
) -> None:
    kept, browser = message(sessions, **changed), signed_in("administrator")
    before = state(sessions, kept)
    assert f"/health/replay/{kept}" not in browser.get("/health").text
    assert browser.post(f"/health/replay/{kept}").status_code == 409
    assert state(sessions, kept) == before


def test_an_answer_the_talk_has_left_behind_is_not_sent_again(signed_in: SignedIn, sessions: Sessions) -> None:
    kept, browser = message(sessions), signed_in("administrator")
    with sessions() as session, session.begin():
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550100", "something else"))
    assert browser.post(f"/health/replay/{kept}").status_code == 409


def test_somebody_who_asked_to_be_left_alone_gets_nothing(signed_in: SignedIn, sessions: Sessions) -> None:
    kept, browser = message(sessions), signed_in("administrator")
    with sessions() as session, session.begin():
        talk = session.get_one(Conversation, session.get_one(OutboundMessage, kept).conversation_id)
        session.get_one(Address, talk.address_id).opted_out_at = NOW
    assert browser.post(f"/health/replay/{kept}").status_code == 409
