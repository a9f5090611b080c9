"""Who may write to us: only Twilio, by its signature over our public address and every field."""

import base64
import hmac
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from messaging.models import InboundMessage
from tests.webhooks.caller import INBOUND, STATUS, Caller, Fields, rows, sign, sms
from tests.webhooks.conftest import NEW_KEY, OLD_KEY

ONE_MESSAGE = {"address": 1, "contact": 1, "conversation": 1, "inbound_message": 1, "inbound_seen": 1}


@pytest.mark.parametrize(
    "path",
    [
        INBOUND,
        f"{INBOUND}?",
        f"{INBOUND}?line=roseau",
        f"{INBOUND}?b=2&a=1&b=2&empty=&flag",
        f"{INBOUND}?q=a%20b+c%2Fd%3f%C3%A8",
        "/webhooks/%74wilio/inbound",
        f"{INBOUND}?q=http://other.example/path",
    ],
)
def test_the_signature_covers_the_raw_path_and_query(twilio_web: Caller, engine: Engine, path: str) -> None:
    assert twilio_web.post(sms(), path).status == 204
    assert rows(engine) == ONE_MESSAGE


@pytest.mark.parametrize(
    "fields",
    [
        sms(""),
        sms("mwen bezwen yon doktè, tanpri — “vit”"),
        sms("😀 ede m 🙏🏽"),
        sms("a+b & c=d %20 %zz #1; é\r\n\ttab"),
        sms("\0 nul in the middle \0"),
        sms("x" * 1600),
        [*sms(), ("Blank", ""), ("", "no name"), ("", "")],
        [*sms(), ("Twice", "b"), ("Twice", "a"), ("Twice", "a")],
        [*sms(), ("NewerParameter", "of a version to come"), ("Unicode.é", "ü")],
        list(reversed(sms("the order of the fields does not matter"))),
    ],
    ids=["blank", "accents", "emoji", "escapes", "nul", "long", "blanks", "duplicates", "unknown", "order"],
)
def test_the_signature_covers_every_field(twilio_web: Caller, engine: Engine, fields: Fields) -> None:
    assert twilio_web.post(fields).status == 204
    assert rows(engine) == ONE_MESSAGE


def test_the_words_arrive_as_they_were_typed(twilio_web: Caller, sessions: sessionmaker[Session]) -> None:
    typed = "a+b & c=d %20 😀 doktè\r\nsecond line"
    twilio_web.post(sms(typed))
    with sessions() as session:
        assert session.scalars(select(InboundMessage.body)).all() == [typed]


def test_another_way_to_write_the_same_form_is_the_same(twilio_web: Caller) -> None:
    fields = sms("a b é")
    raw = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields).encode().lower()
    lower = [(name.lower(), value.lower()) for name, value in fields]
    assert twilio_web.post(lower, raw=raw).status == 400  # signed rightly, but Twilio's names are not lower case
    raw = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields).encode()
    assert twilio_web.post(fields, raw=raw).status == 204


def _changed(fields: Fields, name: str, value: str) -> Fields:
    return [(key, value if key == name else old) for key, old in fields]


@pytest.mark.parametrize("path", [INBOUND, STATUS])
def test_a_wrong_or_missing_signature_is_403_and_nothing_is_written(
    twilio_web: Caller, engine: Engine, path: str
) -> None:
    fields = sms()
    body, url = urlencode(fields).encode(), twilio_web.public + path
    good = sign(url, fields)
    wrong = {
        "forged": "bm90IHRoZSByZWFsIG9uZQ==",
        "empty": "",
        "of another secret": sign(url, fields, "another secret"),
        "of where we really are": sign(twilio_web.url + path, fields),
        "of another path": sign(url + "/", fields),
        "of a query": sign(url + "?a=1", fields),
        "of other fields": sign(url, _changed(fields, "Body", "something else")),
        "of fewer fields": sign(url, fields[:-1]),
        "of no fields": sign(url, []),
        "SHA-256 where SHA-1 is due": sign(url, fields, algorithm="HMAC_SHA256"),
        "cut": good[:-4],
        "with other letters": good.swapcase(),
        "not ASCII": "é" * 28,
        "in hex": hmac.new(b"x", b"y", "sha1").hexdigest(),
    }
    for name, signature in wrong.items():
        assert twilio_web.send(path, body, X_Twilio_Signature=signature).status == 403, name
    assert twilio_web.send(path, body).status == 403
    assert twilio_web.send(path + "?a=1", body, X_Twilio_Signature=good).status == 403
    assert rows(engine) == {}


@pytest.mark.parametrize("key", [OLD_KEY, NEW_KEY])
def test_both_shared_keys_sign_while_they_are_changed(twilio_web: Caller, engine: Engine, key: tuple[str, str]) -> None:
    assert twilio_web.post(sms("avèk 😀"), f"{INBOUND}?a=%20&a=", key=key).status == 204
    assert rows(engine) == ONE_MESSAGE


def test_a_shared_key_is_held_to_its_own_secret_and_algorithm(twilio_web: Caller, engine: Engine) -> None:
    fields, url = sms(), twilio_web.public + INBOUND
    body = urlencode(fields).encode()
    token = sign(url, fields)
    sha1 = sign(url, fields, OLD_KEY[1], "HMAC_SHA1")
    sha256 = sign(url, fields, OLD_KEY[1], "HMAC_SHA256")
    empty = base64.b64encode(hmac.new(b"", (url + "").encode(), "sha256").digest()).decode()
    for signature, settings in [
        (token, "key=KEYOLD,algorithm=HMAC_SHA256"),
        (token, "key=KEYOLD,algorithm=HMAC_SHA1"),
        (token, "algorithm=HMAC_SHA1"),
        (sha1, "key=KEYOLD,algorithm=HMAC_SHA1"),
        (sha256, "key=KEYNEW,algorithm=HMAC_SHA256"),
        (sha256, "key=UNKNOWN,algorithm=HMAC_SHA256"),
        (sha256, "key=,algorithm=HMAC_SHA256"),
        (sha256, "nonsense"),
        (empty, "key=,algorithm=HMAC_SHA256"),
        (sha256, ""),
    ]:
        answer = twilio_web.send(
            INBOUND, body, X_Twilio_Signature=signature, X_Twilio_Webhooks_Signature_Settings=settings
        )
        assert answer.status == 403, settings
    assert rows(engine) == {}


def test_a_repeat_is_204_and_adds_nothing(twilio_web: Caller, engine: Engine) -> None:
    fields = sms()
    assert [twilio_web.post(fields).status for _ in range(3)] == [204, 204, 204]
    assert rows(engine) == ONE_MESSAGE
    assert twilio_web.post(fields, key=NEW_KEY).status == 204
    assert rows(engine) == ONE_MESSAGE
