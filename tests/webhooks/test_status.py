"""Delivery reports: late, repeated, unknown and broken ones change nothing that they should not."""

import itertools
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from messaging import inbox, outbox
from messaging.models import Conversation, OptEvent, OutboundMessage
from messaging.outbox import Lane
from tests.webhooks.caller import STATUS, Caller, rows


@dataclass(frozen=True)
class Seen:
    """What the outbox says of the one message in it."""

    state: str
    delivery: str | None
    code: int | None


@pytest.fixture
def sent(sessions: sessionmaker[Session]) -> uuid.UUID:
    """A message that Twilio has accepted."""
    with sessions() as session, session.begin():
        conversation = session.get(Conversation, inbox.open_conversation(session, "sms", "+17675550101"))
        assert conversation
        outbox.queue(session, conversation, "sms", ["OK"], lane=Lane.REPLY)
        found = session.scalars(select(OutboundMessage)).one()
        found.state, found.attempts = "sending", 0
        session.flush()
        outbox.accepted(session, found.id, "SM1", "accepted")
        return found.id


def seen(sessions: sessionmaker[Session]) -> Seen:
    with sessions() as session:
        found = session.scalars(select(OutboundMessage)).one()
        return Seen(found.state, found.delivery, found.error_code)


def report(web: Caller, about: object, status: str, **more: str) -> int:
    fields = {"MessageSid": "SM1", "MessageStatus": status, "To": "+17675550101"} | more
    return web.post(list(fields.items()), f"{STATUS}?m={about}").status


@pytest.mark.parametrize("order", list(itertools.permutations(["queued", "sent", "delivered"])))
def test_in_any_order_the_best_stays(
    twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID, order: tuple[str, ...]
) -> None:
    assert {report(twilio_web, sent, status) for status in (*order, order[0])} == {204}
    assert seen(sessions) == Seen("accepted", "delivered", None)


def test_read_is_more_than_delivered(twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID) -> None:
    for status in ("read", "delivered", "sent"):
        report(twilio_web, sent, status)
    assert seen(sessions).delivery == "read"


def test_a_failure_after_delivery_is_not_believed(
    twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID
) -> None:
    report(twilio_web, sent, "delivered")
    report(twilio_web, sent, "undelivered", ErrorCode="30005")
    assert seen(sessions) == Seen("accepted", "delivered", None)


def test_a_failure_does_what_its_code_says(
    twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID
) -> None:
    report(twilio_web, sent, "undelivered", ErrorCode="30005")
    assert seen(sessions) == Seen("failed", "undelivered", 30005)


def test_an_opt_out_at_the_carrier_reaches_the_ledger_once(
    twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID
) -> None:
    for _ in range(3):
        report(twilio_web, sent, "failed", ErrorCode="21610")
    with sessions() as session:
        assert session.scalars(select(OptEvent.action)).all() == ["out"]


@pytest.mark.parametrize("about", [uuid.uuid4(), "", "nonsense", "%00", "1' OR 1=1", "x" * 500, uuid.UUID(int=0)])
def test_an_unknown_message_changes_nothing(
    twilio_web: Caller, engine: Engine, sessions: sessionmaker[Session], sent: uuid.UUID, about: object
) -> None:
    before, had = seen(sessions), rows(engine)
    assert report(twilio_web, str(about).replace(" ", "%20"), "delivered") == 204
    assert (seen(sessions), rows(engine)) == (before, had)


@pytest.mark.parametrize("status", ["", "nonsense", "DELIVERED", "\0", "delivered\0x", "é" * 300])
def test_an_unknown_status_changes_nothing(
    twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID, status: str
) -> None:
    before = seen(sessions)
    assert report(twilio_web, sent, status) == 204
    assert seen(sessions) == before


@pytest.mark.parametrize("code", ["", "-1", "30005x", "٣٠٠٠٥", "9" * 12, "9" * 5000, "1e5"])
def test_a_code_that_is_none_is_no_trouble(
    twilio_web: Caller, sessions: sessionmaker[Session], sent: uuid.UUID, code: str
) -> None:
    assert report(twilio_web, sent, "undelivered", ErrorCode=code) == 204
    assert seen(sessions).delivery == "undelivered"


def test_without_any_field_it_is_no_trouble(twilio_web: Caller, sent: uuid.UUID) -> None:
    assert twilio_web.post([], f"{STATUS}?m={sent}").status == 204
    assert twilio_web.post([("SmsStatus", "delivered"), ("SmsSid", "\0")], f"{STATUS}?m={sent}").status == 204
