"""Calls the public application byte by byte, signed with the Twilio library's own signer."""

import socket
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Engine, text
from twilio.request_validator import RequestValidator

from koudmen.tables import METADATA
from tests.conftest import DIRECTORY
from tests.fakes.twilio_ground import AUTH_TOKEN

FORM = "application/x-www-form-urlencoded"
INBOUND, STATUS = "/webhooks/twilio/inbound", "/webhooks/twilio/status"
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    data: bytes


class Pairs:
    """Form fields as Twilio's signer takes them when a name may come more than once."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def __iter__(self) -> Any:
        return iter([name for name, _ in self.fields])

    def __bool__(self) -> bool:
        return bool(self.fields)

    def getlist(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]


def sign(url: str, fields: Fields, secret: str = AUTH_TOKEN, algorithm: str | None = None) -> str:
    """What Twilio's own library says the signature is."""
    signer = RequestValidator(secret)  # type: ignore[no-untyped-call]
    return str(signer.compute_signature(url, Pairs(fields), algorithm))  # type: ignore[no-untyped-call]


def sms(body: str = "I need a doctor in Roseau", **changes: str) -> list[tuple[str, str]]:
    """The fields of an SMS, with some of Twilio's blank ones."""
    fields = {
        "ToCountry": "DM", "ToState": "", "SmsMessageSid": f"SM{uuid.uuid4().hex}", "NumMedia": "0", "FromZip": "",
        "From": "+17675550101", "To": "+17675550199", "Body": body, "NumSegments": "1", "ApiVersion": "2010-04-01",
    }  # fmt: skip
    fields["MessageSid"] = fields["SmsMessageSid"]
    return list((fields | changes).items())


class Caller:
    """One application: where it is, and what it is known by."""

    def __init__(self, url: str, public: str) -> None:
        self.url, self.public = url, public

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def send(self, path: str, body: bytes, method: str = "POST", **headers: str) -> Answer:
        """Any request, its path sent as it stands; a header's name is written with `_` for `-`."""
        return self._ask(method, path, body, {"Content_Type": FORM} | headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def post(
        self,
        fields: Fields,
        path: str = INBOUND,
        *,
        raw: bytes | None = None,
        key: tuple[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        """A signed form post, with the account's token or a shared key (id, secret); `raw` is the body when the
        fields are to be written in another way."""
        url = self.public + path
        signed = {"X_Twilio_Signature": sign(url, fields)}
        if key:
            signed["X_Twilio_Signature"] = sign(url, fields, key[1], "HMAC_SHA256")
            signed["X_Twilio_Webhooks_Signature_Settings"] = f"key={key[0]},algorithm=HMAC_SHA256"
        return self.send(path, urlencode(fields).encode() if raw is None else raw, **signed | headers)

    def exchange(self, request: bytes) -> bytes:
        """Raw bytes to the socket; all that comes back until the other side closes."""
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as wire:
            wire.sendall(request)
            with suppress(OSError):  # the other side may have refused the rest and gone
                wire.shutdown(socket.SHUT_WR)
            answer = b""
            while part := wire.recv(65536):
                answer += part
        return answer


def rows(engine: Engine) -> dict[str, int]:
    """How many rows each table has that has any (the directory, signs of life and senders' allowances left
    out)."""
    names = [table.name for table in METADATA.sorted_tables if table.name not in DIRECTORY | {"heartbeat", "sender"}]
    query = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names)
    with engine.connect() as connection:
        return {name: count for name, count in connection.execute(text(query)) if count}
