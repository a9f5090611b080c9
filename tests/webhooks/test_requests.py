"""What kinds of requests are taken: content types, sizes, methods; and the headers of every answer."""

from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from messaging.models import InboundMessage
from tests.webhooks.caller import FORM, INBOUND, STATUS, Caller, rows, sign, sms

LARGEST = 64 * 1024
SAFE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize(
    "content_type", [FORM, f"{FORM}; charset=UTF-8", f"{FORM};charset=utf-8", "Application/X-WWW-Form-Urlencoded"]
)
def test_forms_are_taken(twilio_web: Caller, content_type: str) -> None:
    assert twilio_web.post(sms(), Content_Type=content_type).status == 204


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "*/*", "é", f"{FORM}x"]
)
@pytest.mark.parametrize("path", [INBOUND, STATUS])
def test_anything_else_is_415(twilio_web: Caller, engine: Engine, path: str, content_type: str) -> None:
    assert twilio_web.post(sms(), path, Content_Type=content_type).status == 415
    assert rows(engine) == {}


def _of_size(size: int) -> list[tuple[str, str]]:
    fields = sms("")
    return [*fields, ("Filler", "x" * (size - len(urlencode(fields)) - len("&Filler=")))]


@pytest.mark.parametrize(("size", "status"), [(LARGEST, 204), (LARGEST + 1, 413), (10 * LARGEST, 413)])
def test_a_body_may_have_64_kilobytes(twilio_web: Caller, engine: Engine, size: int, status: int) -> None:
    fields = _of_size(size)
    assert len(urlencode(fields)) == size
    assert twilio_web.post(fields).status == status
    assert rows(engine).get("inbound_message", 0) == (status == 204)


@pytest.mark.parametrize(("size", "status"), [(LARGEST, 204), (LARGEST + 1, 413), (10 * LARGEST, 413)])
def test_so_may_one_that_does_not_say_its_length(twilio_web: Caller, engine: Engine, size: int, status: int) -> None:
    fields = _of_size(size)
    signature = sign(twilio_web.public + INBOUND, fields)
    answer = twilio_web.exchange(_chunked(urlencode(fields).encode(), signature))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert rows(engine).get("inbound_message", 0) == (status == 204)


def _chunked(body: bytes, signature: str) -> bytes:
    head = (
        f"POST {INBOUND} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\n"
        f"X-Twilio-Signature: {signature}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    parts = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: -5",
        "Content-Length: 5\r\nContent-Length: 7",
        "Transfer-Encoding: gzip",
        "Content Length: 5",
    ],
)
def test_a_request_with_an_unclear_length_is_refused(twilio_web: Caller, head: str) -> None:
    request = f"POST {INBOUND} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n{head}\r\n\r\na=b&c"
    status = int(twilio_web.exchange(request.encode()).split(b" ", 2)[1])
    assert status in {400, 403, 411, 501}


def test_bytes_that_are_no_text_are_400(twilio_web: Caller, engine: Engine) -> None:
    assert twilio_web.send(INBOUND, b"Body=\xff\xfe", X_Twilio_Signature="x").status == 400
    assert rows(engine) == {}


def test_more_fields_than_anybody_sends_are_400(twilio_web: Caller, engine: Engine) -> None:
    assert twilio_web.post([*sms(), *((f"f{n}", "") for n in range(1000))]).status == 400
    assert rows(engine) == {}


@pytest.mark.parametrize("without", [["MessageSid", "SmsMessageSid"], ["From"]])
def test_a_signed_form_that_is_no_message_is_400(twilio_web: Caller, engine: Engine, without: list[str]) -> None:
    assert twilio_web.post([(name, value) for name, value in sms() if name not in without]).status == 400
    assert rows(engine) == {}


@pytest.mark.parametrize("sender", ["messenger:1234567", "whatsapp:", ""])
def test_an_address_of_no_channel_of_ours_is_400(twilio_web: Caller, engine: Engine, sender: str) -> None:
    assert twilio_web.post(sms(From=sender)).status == 400
    assert rows(engine) == {}


@pytest.mark.parametrize("path", [INBOUND, STATUS])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_posts(twilio_web: Caller, path: str, method: str) -> None:
    assert twilio_web.send(path, b"", method).status == 405


def test_whatsapp_senders_with_and_without_a_number(twilio_web: Caller, sessions: sessionmaker[Session]) -> None:
    assert twilio_web.post(sms(From="whatsapp:+17675550101", ProfileName="Marie")).status == 204
    assert twilio_web.post(sms(From="whatsapp:DM.13491208655302741918", WaId="")).status == 204
    with sessions() as session:
        assert session.scalars(select(InboundMessage.kind)).all() == ["text", "text"]


@pytest.mark.parametrize(
    ("fields", "kind", "extra"),
    [
        ({"ButtonText": "Wi", "ButtonPayload": "yes"}, "button", {"button": "yes"}),
        ({"ListTitle": "Doktè", "ListId": "need:health"}, "button", {"button": "need:health"}),
        ({"Latitude": "15.57", "Longitude": "-61.456"}, "location", {"latitude": 15.57, "longitude": -61.456}),
        ({"Latitude": "nan", "Longitude": "1"}, "text", None),
        ({"Latitude": "1e400", "Longitude": "1"}, "text", None),
        ({"OptOutType": "STOP"}, "text", {"opt_out": "STOP"}),
        ({"OptOutType": "NONSENSE"}, "text", None),
        (
            {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/m", "MediaContentType0": "audio/ogg"},
            "media",
            {"media": [{"url": "https://api.twilio.com/m", "type": "audio/ogg"}]},
        ),
        ({"NumMedia": "9" * 40}, "text", None),
        ({"NumMedia": "1"}, "text", None),
        ({"ProfileName": "Marie Joseph", "WaId": "17675550101"}, "text", None),
    ],
)
def test_what_is_kept_of_a_message(
    twilio_web: Caller, sessions: sessionmaker[Session], fields: dict[str, str], kind: str, extra: object
) -> None:
    assert twilio_web.post(sms("", From="whatsapp:+17675550101", **fields)).status == 204
    with sessions() as session:
        message = session.scalars(select(InboundMessage)).one()
        assert (message.kind, message.extra) == (kind, extra)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/nowhere", 404), (INBOUND, 405)],
)
def test_every_answer_has_the_headers(twilio_web: Caller, path: str, status: int) -> None:
    answer = twilio_web.get(path)
    assert answer.status == status
    _check_headers(answer.headers)


def test_so_has_every_answer_to_a_webhook(twilio_web: Caller) -> None:
    answers = [
        twilio_web.post(sms()),
        twilio_web.send(INBOUND, b"a=b"),
        twilio_web.post(sms(), Content_Type="text/plain"),
        twilio_web.post(_of_size(LARGEST + 1)),
        twilio_web.post([("a", "b")]),
        twilio_web.post([("a", "b")], STATUS),
    ]
    assert [answer.status for answer in answers] == [204, 403, 415, 413, 400, 204]
    for answer in answers:
        _check_headers(answer.headers)
        assert len(answer.data) < 40


def _check_headers(headers: dict[str, str]) -> None:
    assert headers.items() >= SAFE.items()
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "set-cookie" not in headers
