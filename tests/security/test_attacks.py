"""Attacks on the public application, signed words and unsigned guesses: nothing is run, fetched or told."""

import secrets
import socket
from collections.abc import Sequence
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from koudmen.runtime import Runtime
from messaging.models import InboundMessage
from messaging.outbox import Sending
from oncall.models import Case
from tests.webhooks.caller import INBOUND, STATUS, Caller, rows, sms
from tests.webhooks.conftest import open_process, open_web, twilio_process, twilio_web

__all__ = ["open_process", "open_web", "twilio_process", "twilio_web"]

SQL = [
    "'; DROP TABLE inbound_message; --",
    '"); DELETE FROM "case"; --',
    "%s %(body)s :body {body} $1 \\x00 \\'",
    "x' UNION SELECT value FROM address --",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "=cmd|'/c calc'!A0",
]
UNICODE = {
    "ten thousand combining marks": "a" + "\u0301" * 10_000,
    "right to left override": "\u202eem staeb dnabsuh ym\u202c",
    "isolates never closed": "\u2066\u2067\u2068" * 500 + "help",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff" * 800,
    "lone surrogates and private use": "\ue000\U000f0000 \ufffe\uffff",
    "a flag of a hundred letters": "\U0001f1e9\U0001f1f2" * 100,
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x85",
    "one family": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 300,
    "tags": "".join(chr(0xE0020 + n % 90) for n in range(3000)),
}


@pytest.fixture
def drain(sessions: sessionmaker[Session], settings: Settings) -> Drain:
    return Drain(sessions, Away(), settings)


HANDLED = {"answered", "asked", "unread"}  # by the bot, and not by giving up


def stored(engine: Engine) -> Sequence[InboundMessage]:
    with Session(engine) as session:
        return session.scalars(select(InboundMessage).order_by(InboundMessage.id)).all()


@pytest.mark.parametrize("words", SQL)
def test_words_are_words(twilio_web: Caller, engine: Engine, drain: Drain, words: str) -> None:
    fields = sms(words, MessageSid=f"SM{words}"[:64], ButtonPayload=words, ButtonText=words, ProfileName=words)
    assert twilio_web.post(fields).status == 204
    assert drain.run(seconds=20) == 1
    [message] = stored(engine)
    assert message.body == words
    assert message.outcome in HANDLED


def test_a_sender_made_of_sql_is_an_address_like_any_other(twilio_web: Caller, engine: Engine, drain: Drain) -> None:
    for number, words in enumerate(SQL):
        twilio_web.post(sms(f"hello {number}", From=f"whatsapp:{words}"))
    assert drain.run(seconds=20) == len(SQL)
    assert rows(engine)["address"] == len(SQL)


@pytest.mark.parametrize("name", UNICODE)
def test_strange_letters_stop_nobody(twilio_web: Caller, engine: Engine, drain: Drain, name: str) -> None:
    assert twilio_web.post(sms(UNICODE[name])).status == 204
    assert twilio_web.post(sms("my husband beats me", From="+17675550102")).status == 204
    assert drain.run(seconds=20) == 2
    assert {message.outcome for message in stored(engine)} <= HANDLED
    assert len(stored(engine)[0].body or "") <= 4096
    with Session(engine) as session:
        assert len(session.scalars(select(Case)).all()) == 1


def test_no_address_in_a_message_is_ever_called(
    twilio_web: Caller, engine: Engine, drain: Drain, sessions: sessionmaker[Session], settings: Settings
) -> None:
    """Pictures are not fetched: an address in a message cannot make us knock on doors inside our own house."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        url = f"http://127.0.0.1:{door.getsockname()[1]}/latest/meta-data"
        fields = sms(
            f"look at {url}", NumMedia="1", MediaUrl0=url, MediaContentType0="image/jpeg", ReferralSourceUrl=url
        )
        assert twilio_web.post(fields).status == 204
        assert drain.run(seconds=20) == 1
        sender = Runtime(settings, engine, sessions).sender
        while sender.send_due():
            pass
        with pytest.raises(BlockingIOError):
            door.accept()


@pytest.mark.parametrize("field", ["From", "MessageSid", "Body", "NumMedia", "OptOutType", "Latitude"])
def test_line_ends_in_a_field_make_no_header_and_no_line_in_a_log(twilio_web: Caller, field: str) -> None:
    marker = f"injected{secrets.token_hex(6)}"
    answer = twilio_web.post(sms(**{field: f'x\r\nSet-Cookie: {marker}\r\n\r\n{{"event":"{marker}"}}'}))
    assert answer.status in {204, 400}
    assert marker not in str(answer.headers)
    assert marker.encode() not in answer.data


def test_guessing_signatures_leads_nowhere(twilio_web: Caller, engine: Engine) -> None:
    body = urlencode(sms()).encode()
    guesses = ["", "=", "A" * 28, "A" * 8000, "\xff" * 28, *(secrets.token_urlsafe(20) for _ in range(60))]
    answers = {twilio_web.send(INBOUND, body, X_Twilio_Signature=guess).status for guess in guesses}
    assert answers == {403}
    assert rows(engine) == {}


def test_a_request_replayed_has_no_second_effect_and_none_elsewhere(twilio_web: Caller, engine: Engine) -> None:
    fields = sms("hello")
    assert {twilio_web.post(fields).status for _ in range(3)} == {204}
    assert len(stored(engine)) == 1
    answer = twilio_web.post(fields)  # signed for this address
    assert answer.status == 204
    from tests.webhooks.caller import sign

    there = sign(twilio_web.public + INBOUND, fields)
    body = urlencode(fields).encode()
    for path in (STATUS, f"{STATUS}?m=00000000-0000-0000-0000-000000000000", f"{INBOUND}?x=1", f"{INBOUND}/"):
        assert twilio_web.send(path, body, X_Twilio_Signature=there).status in {403, 404}


def test_a_gateway_s_body_may_be_anything(open_web: Caller, engine: Engine) -> None:
    from messaging.gateway import sign
    from tests.webhooks.conftest import GATEWAY_SECRET

    nested = b"[" * 20_000 + b"]" * 20_000
    for body in (b"", b"{", nested, b'{"id": 1e999}', b'{"id":"\\ud800","from":"x","text":"y"}', b"\xff\xfe", b"null"):
        answer = open_web.send(
            "/webhooks/gateway/inbound",
            body,
            Content_Type="application/json",
            X_Koudmen_Signature=sign(GATEWAY_SECRET, body),
        )
        assert answer.status in {400, 413}
    assert rows(engine) == {}


def test_words_stand_in_no_representation() -> None:
    """What is put in a log or an exception by accident shows no words and no address."""
    import uuid
    from datetime import UTC, datetime

    from messaging.inbound import Inbound

    at = datetime(2026, 11, 23, tzinfo=UTC)
    sending = Sending(uuid.uuid4(), uuid.uuid4(), "sms", "+17675550101", "he beats me", 1, 0, at)
    inbound = Inbound("twilio", "SM1", "sms", "+17675550101", "he beats me")
    for shown in (repr(sending), str(sending), repr(inbound), str(inbound)):
        assert "beats" not in shown
        assert "7675550101" not in shown
