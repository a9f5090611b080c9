"""Whatever is sent, the answer is never a 5xx, and what is refused leaves no trace."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from messaging.gateway import SIGNATURE
from messaging.gateway import sign as sign_gateway
from tests.webhooks.caller import INBOUND, STATUS, Caller, rows
from tests.webhooks.conftest import GATEWAY_SECRET

NAMES = st.sampled_from(
    "MessageSid SmsSid From To Body NumMedia MediaUrl0 MediaContentType0 Latitude Longitude ButtonText ButtonPayload "
    "ListId ListTitle OptOutType ProfileName WaId MessageStatus SmsStatus ErrorCode ChannelMetadata AccountSid".split()
)
TYPED = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
VALUES = TYPED | st.sampled_from(
    ["+17675550101", "whatsapp:+17675550102", "whatsapp:", ":", "nan", "-inf", "9" * 30, "delivered", "failed", "STOP"]
)
FORMS = st.lists(st.tuples(NAMES | TYPED, VALUES), max_size=12)
WHOLE = st.just([("MessageSid", "SM1"), ("From", "+17675550101")])
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(FORMS, WHOLE | st.just([]))
def test_signed_forms(twilio_web: Caller, fields: list[tuple[str, str]], more: list[tuple[str, str]]) -> None:
    assert twilio_web.post(fields + more).status in {204, 400}


@FEW
@given(FORMS, st.uuids() | st.text(alphabet="0123456789abcdef-%", max_size=40))
def test_signed_reports(twilio_web: Caller, fields: list[tuple[str, str]], about: object) -> None:
    assert twilio_web.post(fields, f"{STATUS}?m={about}").status == 204


@FEW
@given(st.binary(max_size=300), st.sampled_from([INBOUND, STATUS]), st.text(alphabet="Aa0+/=é", max_size=30))
def test_unsigned_bytes(twilio_web: Caller, engine: Engine, body: bytes, path: str, signature: str) -> None:
    assert twilio_web.send(path, body, X_Twilio_Signature=signature).status in {400, 403}
    assert rows(engine) == {}


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={"id": PARTS | st.just("\0"), "from": PARTS | st.just("+17675550101"), "text": PARTS}
    | {"mode": PARTS | st.just("sms"), "number": PARTS | st.just("+17675550101")}
    | {"latitude": PARTS, "longitude": PARTS},
)


@FEW
@given(ENVELOPES | PARTS)
def test_signed_json_of_the_gateway(open_web: Caller, value: object) -> None:
    body = json.dumps(value).encode()
    headers = {SIGNATURE: sign_gateway(GATEWAY_SECRET, body), "Content_Type": "application/json"}
    assert open_web.send("/webhooks/gateway/inbound", body, **headers).status in {204, 400}


@FEW
@given(ENVELOPES | PARTS)
def test_json_of_the_simulator(open_web: Caller, value: object) -> None:
    body = json.dumps(value).encode()
    answer = open_web.send("/simulator/messages", body, Content_Type="application/json")
    assert answer.status in {201, 400, 415}
