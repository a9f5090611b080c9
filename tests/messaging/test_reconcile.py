"""The reconciler: what the carrier has and we have not is taken in, once, in order, and never while under way."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from base.clock import now
from base.errors import SendError
from base.settings import Twilio
from messaging import inbox
from messaging.models import InboundMessage
from messaging.reconcile import reconcile
from messaging.twilio import TwilioChannel, parse_inbound
from tests.fakes.twilio import TwilioDouble
from tests.fakes.twilio_ground import ACCOUNT_SID, AUTH_TOKEN, SMS_FROM, WHATSAPP_FROM

HOURS = timedelta(hours=4)


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    double = TwilioDouble("http://127.0.0.1:1")
    yield double
    double.verify()
    double.stop()


@pytest.fixture
def channel(twilio: TwilioDouble) -> TwilioChannel:
    account = Twilio(
        account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, api_base=twilio.url, timeout_s=5, sms_from=SMS_FROM,
        whatsapp_from=WHATSAPP_FROM,
    )  # fmt: skip
    return TwilioChannel(account, "https://koudmen.example")


def stored(engine: Engine) -> list[tuple[str, str | None]]:
    with Session(engine) as session:
        found = session.scalars(select(InboundMessage).order_by(InboundMessage.id))
        return [(message.external_id, message.body) for message in found]


def test_what_never_arrived_is_taken_in_once(engine: Engine, twilio: TwilioDouble, channel: TwilioChannel) -> None:
    lost = [twilio.send_sms("+17675550101", text, deliver=False).sid for text in ("mwen bezwen èd", "tanpri")]
    lost.append(twilio.send_whatsapp("+17675550102", "hello", deliver=False).sid)
    came = twilio.send_sms("+17675550101", "came", deliver=False).sid
    with engine.begin() as connection:
        inbox.receive(connection, parse_inbound(twilio.inbound[came]))
    begun = now()
    assert reconcile(engine, channel, begun - HOURS, begun + HOURS) == 3
    assert dict(stored(engine)) == {
        came: "came", lost[0]: "mwen bezwen èd", lost[1]: "tanpri", lost[2]: "hello",
    }  # fmt: skip
    assert [sid for sid, _ in stored(engine) if sid in lost[:2]] == lost[:2]
    assert reconcile(engine, channel, begun - HOURS, begun + HOURS) == 0
    with engine.begin() as connection:  # the webhook comes after all
        assert inbox.receive(connection, parse_inbound(twilio.inbound[lost[0]])).message_id is None


def test_the_same_person_is_the_same_conversation(engine: Engine, twilio: TwilioDouble, channel: TwilioChannel) -> None:
    sids = [twilio.send_whatsapp("+17675550101", text, deliver=False).sid for text in ("a", "b")]
    with engine.begin() as connection:
        inbox.receive(connection, parse_inbound(twilio.inbound[sids[0]]))
    reconcile(engine, channel, now() - HOURS, now() + HOURS)
    with Session(engine) as session:
        assert len(set(session.scalars(select(InboundMessage.conversation_id)))) == 1


def test_what_is_under_way_is_left_alone(engine: Engine, twilio: TwilioDouble, channel: TwilioChannel) -> None:
    twilio.send_sms("+17675550101", "a moment ago", deliver=False)
    assert reconcile(engine, channel, now() - HOURS, now() - timedelta(minutes=3)) == 0
    assert stored(engine) == []


def test_a_list_that_fails_changes_nothing(engine: Engine, twilio: TwilioDouble, channel: TwilioChannel) -> None:
    twilio.send_sms("+17675550101", "hello", deliver=False)
    twilio.fail(500, on="read")
    with pytest.raises(SendError):
        reconcile(engine, channel, now() - HOURS, now() + HOURS)
    assert stored(engine) == []
    assert reconcile(engine, channel, now() - HOURS, now() + HOURS) == 1


def test_many_pages_are_read(engine: Engine, twilio: TwilioDouble, channel: TwilioChannel) -> None:
    for n in range(7):
        twilio.send_sms("+17675550101", f"{n}", deliver=False)
    records = list(channel.api.list({"To": SMS_FROM}, most=3))
    assert len(records) == 3
    channel.api.most_a_page = 2
    assert reconcile(engine, channel, now() - HOURS, now() + HOURS) == 7
    assert [body for _, body in stored(engine)] == [f"{n}" for n in range(7)]


def test_more_than_one_listing_shows_are_taken_in_to_the_oldest(
    engine: Engine, twilio: TwilioDouble, channel: TwilioChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the worst day the newest of a listing are all under way: those before them must not be lost from sight."""
    monkeypatch.setattr("messaging.reconcile.MOST", 4)
    begun = now()
    for n in range(20):
        twilio.send_sms("+17675550101", f"{n}", deliver=False)
        twilio.advance(timedelta(seconds=3))
    assert reconcile(engine, channel, begun - timedelta(minutes=1), begun + timedelta(seconds=45)) == 16
    assert [body for _, body in stored(engine)] == [f"{n}" for n in range(16)]
