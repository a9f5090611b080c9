"""Whatever a signed form holds, it is a message that can be kept, or InvalidInput."""

import math
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InvalidInput
from messaging import gateway
from messaging.inbound import Inbound
from messaging.twilio import parse_inbound

NAMES = (
    "MessageSid SmsMessageSid SmsSid From To Body NumMedia MediaUrl0 MediaContentType0 MediaUrl1 Latitude Longitude "
    "ButtonText ButtonPayload ListId ListTitle OptOutType ProfileName WaId ExternalUserId"
).split()
values = (
    st.text(max_size=60)
    | st.sampled_from(
        ["whatsapp:", "whatsapp:+1767", "+17675550101", "nan", "inf", "-91", "15.3", "1_0", "٣", "\0", " "]
    )
    | st.integers().map(str)
    | st.floats().map(str)
)
forms = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), values)
complete = forms.map(lambda form: {**form, "MessageSid": "SM1", "From": "+17675550101"})


def check(message: Inbound) -> None:
    """All of it can be written to PostgreSQL and to JSON."""
    for text in (message.external_id, message.channel, message.address, message.text):
        assert "\0" not in text
        text.encode()
    assert message.external_id
    assert message.address
    assert message.channel in {"sms", "whatsapp"}
    assert len(message.text) <= 4096
    assert "\\u0000" not in orjson.dumps(message.extra).decode()
    place = (message.extra.get("latitude", 0.0), message.extra.get("longitude", 0.0))
    assert all(math.isfinite(number) for number in place)


@given(forms)
def test_any_form(form: dict[str, str]) -> None:
    try:
        check(parse_inbound(form))
    except InvalidInput:
        return


@given(complete)
def test_a_form_with_an_id_and_a_sender_is_never_refused(form: dict[str, str]) -> None:
    check(parse_inbound(form))


@given(st.binary(max_size=300))
def test_any_bytes_as_a_form(raw: bytes) -> None:
    body = "From=%2B17675550101&MessageSid=SM1&Body=" + raw.decode("utf-8", "replace")
    try:
        check(parse_inbound(dict(parse_qsl(body, keep_blank_values=True, errors="replace"))))
    except InvalidInput:
        return


@pytest.mark.parametrize("sender", [" ", "whatsapp:", "whatsapp: ", "messenger:123", "rcs:+17675550101", "\0"])
def test_a_sender_that_is_none_is_refused(sender: str) -> None:
    with pytest.raises(InvalidInput):
        parse_inbound({"MessageSid": "SM1", "From": sender})


def test_what_whatsapp_sends() -> None:
    number = parse_inbound({"MessageSid": "SM1", "From": "whatsapp:+17675550101", "ProfileName": "Somebody"})
    assert (number.channel, number.address, number.extra) == ("whatsapp", "+17675550101", {})
    scoped = parse_inbound({"MessageSid": "SM1", "From": "whatsapp:DM.13491208655302741918"})
    assert scoped.address == "DM.13491208655302741918"
    place = parse_inbound({"MessageSid": "SM1", "From": "whatsapp:DM.1", "Latitude": "15.3", "Longitude": "-61.4"})
    assert (place.kind, place.extra) == ("location", {"latitude": 15.3, "longitude": -61.4})
    tap = parse_inbound({"MessageSid": "SM1", "From": "whatsapp:DM.1", "ListId": "2", "ListTitle": "Food", "Body": ""})
    assert (tap.kind, tap.text, tap.extra) == ("button", "Food", {"button": "2"})


@given(st.binary(max_size=200))
def test_any_bytes_from_the_gateway(raw: bytes) -> None:
    try:
        message = gateway.parse_inbound(raw)
    except InvalidInput:
        return
    well_formed(message)


@given(
    st.dictionaries(st.sampled_from(["id", "from", "text", "x"]), st.none() | st.integers(0, 9) | st.text(max_size=9))
)
def test_any_object_from_the_gateway(value: dict[str, object]) -> None:
    try:
        message = gateway.parse_inbound(orjson.dumps(value))
    except InvalidInput:
        return
    well_formed(message)


def well_formed(message: Inbound) -> None:
    """What the inbox may take."""
    for text in (message.external_id, message.address, message.text):
        assert "\0" not in text
    assert message.external_id
    assert message.address
