"""The short way in (webhooks/front.py) and Flask's answer alike. An address with its host does not go the short way."""

from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.webhooks.caller import FORM, INBOUND, STATUS, Answer, Caller, rows, sign, sms
from tests.webhooks.test_fuzz import FEW, FORMS, WHOLE

QUERIES = st.sampled_from(
    ["", "?m=", "?m=%31", "?x=1&m=0190a0a0-0000-7000-8000-000000000001&m=2", "?m=%C3%A9&%zz", "?;"]
)
BODIES = st.binary(max_size=60) | st.just(b"a=1&" * 501)
OURS = {"date", "connection", "server"}


def _both(web: Caller, path: str, body: bytes, signature: str) -> list[Answer]:
    return [web.send(way, body, X_Twilio_Signature=signature) for way in (path, f"http://elsewhere.example{path}")]


def _alike(answers: list[Answer]) -> None:
    first, second = ((a.status, a.data, {n: v for n, v in a.headers.items() if n not in OURS}) for a in answers)
    if first[0] == 204:  # Flask names the type of a body that there is not
        assert second[2].pop("content-type", None)
    assert first == second


@FEW
@given(FORMS, WHOLE | st.just([]), st.sampled_from([INBOUND, STATUS]), QUERIES, st.sampled_from(["", "x"]))
def test_signed_forms(
    twilio_web: Caller,
    fields: list[tuple[str, str]],
    more: list[tuple[str, str]],
    path: str,
    query: str,
    forged: str,
) -> None:
    path += query
    fields = [*fields, *more]
    signature = sign(twilio_web.public + path, fields)
    answers = _both(twilio_web, path, urlencode(fields).encode(), forged or signature)
    _alike(answers)
    assert answers[0].status in ({403} if forged else {204, 400})


@FEW
@given(BODIES, st.sampled_from([INBOUND, STATUS]))
def test_any_bytes(twilio_web: Caller, body: bytes, path: str) -> None:
    _alike(_both(twilio_web, path, body, sign(twilio_web.public + path, [])))


@pytest.mark.parametrize("path", [INBOUND, STATUS])
def test_a_body_that_was_cut_is_not_taken(twilio_web: Caller, engine: Engine, path: str) -> None:
    """Also when what came of it is a whole form, rightly signed."""
    fields = sms()
    body = urlencode(fields).encode()
    head = (
        f"POST {path} HTTP/1.1", f"Host: {urlsplit(twilio_web.url).netloc}", f"Content-Type: {FORM}",
        f"X-Twilio-Signature: {sign(twilio_web.public + path, fields)}", f"Content-Length: {len(body) + 1}",
    )  # fmt: skip
    assert b" 204 " not in twilio_web.exchange("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    assert rows(engine) == {}
