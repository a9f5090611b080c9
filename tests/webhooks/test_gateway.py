"""The generic gateway: JSON signed with HMAC-SHA256 over its raw bytes."""

import json

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from base.errors import ConfigError
from base.settings import Settings
from messaging.gateway import SIGNATURE, sign
from messaging.models import Address, InboundMessage
from tests.webhooks.caller import Answer, Caller, rows
from tests.webhooks.conftest import GATEWAY_SECRET
from webhooks.app import create_app

PATH = "/webhooks/gateway/inbound"


def post(web: Caller, body: bytes, signature: str | None = None, content_type: str = "application/json") -> Answer:
    headers = {SIGNATURE: sign(GATEWAY_SECRET, body) if signature is None else signature}
    return web.send(PATH, body, Content_Type=content_type, **headers)


def said(**changes: object) -> bytes:
    return json.dumps({"id": "1", "from": "+17675550101", "text": "mwen bezwen manje"} | changes).encode()


def test_a_signed_message_is_written_once(open_web: Caller, engine: Engine, sessions: sessionmaker[Session]) -> None:
    assert [post(open_web, said()).status for _ in range(2)] == [204, 204]
    assert rows(engine)["inbound_message"] == 1
    with sessions() as session:
        assert session.scalars(select(Address.channel)).all() == ["gateway"]
        message = session.scalars(select(InboundMessage)).one()
        assert (message.provider, message.external_id, message.body) == ("gateway", "1", "mwen bezwen manje")


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=00", sign("another secret", said()), sign(GATEWAY_SECRET, b"other"), "é"]
)
def test_a_wrong_signature_is_403_and_nothing_is_written(open_web: Caller, engine: Engine, signature: str) -> None:
    assert post(open_web, said(), signature).status == 403
    assert rows(engine) == {}


def test_without_a_signature_it_is_403(open_web: Caller, engine: Engine) -> None:
    assert open_web.send(PATH, said(), Content_Type="application/json").status == 403
    assert rows(engine) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        said(id=""),
        said(id=5),
        said(id="\0"),
        said(**{"from": ""}),
        said(text=None),
        b'{"id": "1", "from": "+17675550101", "text": "\\ud800"}',
    ],
)
def test_what_is_no_message_is_400(open_web: Caller, engine: Engine, body: bytes) -> None:
    assert post(open_web, body).status == 400
    assert rows(engine) == {}


def test_other_content_is_415_and_large_content_413(open_web: Caller, engine: Engine) -> None:
    assert post(open_web, said(), content_type="text/plain").status == 415
    assert post(open_web, said(text="x" * 70_000)).status == 413
    assert rows(engine) == {}


def test_without_a_secret_there_is_no_gateway(twilio_web: Caller, engine: Engine) -> None:
    assert post(twilio_web, said()).status == 404
    assert rows(engine) == {}


def test_a_gateway_that_could_not_be_answered_is_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="KOUDMEN_GATEWAY_URL is missing"):
        create_app(settings.model_copy(update={"gateway_secret": GATEWAY_SECRET}))
