"""Twilio's Messages and Calls over one pool of kept connections.

The library's headers are asked for once. Its own transport (requests) takes 1.5 ms of processor time for a message, its
client over urllib3 0.2, this 0.12. Tests hold what leaves against Twilio's OpenAPI
description. Sources: twilio-python 9.13, the Messages API pages, twilio_api_v2010.json.
"""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
import urllib3
from twilio.rest import Client

from base.errors import OutcomeUnknown, SendError
from base.settings import Twilio

Record = dict[str, Any]
MOST_PAGES = 50
HOME = "https://api.twilio.com"
MESSAGING = "https://messaging.twilio.com"  # services and WhatsApp senders; with another API base, there too
CONNECTIONS = 32  # kept open; as many more as are needed


class TwilioApi:
    """Calls for one account. Raises SendError when a call surely had no effect, OutcomeUnknown when it may have had.
    Nothing of them is logged."""

    def __init__(self, account: Twilio) -> None:
        self.prefix = urlsplit(account.api_base).path.rstrip("/")
        base = f"{self.prefix}/2010-04-01/Accounts/{account.account_sid}"
        self.most_a_page = 1000
        self.messages, self.calls = f"{base}/Messages.json", f"{base}/Calls.json"
        self.numbers = f"{base}/IncomingPhoneNumbers.json"
        client = Client(account.account_sid, account.auth_token)  # type: ignore[no-untyped-call]
        signed = urllib3.make_headers(basic_auth=f"{account.account_sid}:{account.auth_token}")
        self.headers = {method: client.get_headers(method, None) | signed for method in ("GET", "POST")}
        limit = urllib3.Timeout(connect=min(account.timeout_s, 5.0), read=account.timeout_s)
        self.http = urllib3.connection_from_url(account.api_base, maxsize=CONNECTIONS, timeout=limit)
        ours = account.api_base == HOME
        self.messaging = urllib3.connection_from_url(MESSAGING, timeout=limit) if ours else self.http

    def create(self, values: Mapping[str, str]) -> Record:
        """Hand a message over; Twilio's record of it."""
        return self._ask("POST", self.messages, values)

    def call(self, values: Mapping[str, str]) -> Record:
        """Begin a telephone call; Twilio's record of it."""
        return self._ask("POST", self.calls, values)

    def list(self, filters: Mapping[str, str], *, most: int) -> Iterator[Record]:
        """Messages that Twilio has, newest first, up to `most`, over as many pages as that takes."""
        uri = f"{self.messages}?{urlencode({**filters, 'PageSize': str(min(most, self.most_a_page))})}"
        given = 0
        for _ in range(MOST_PAGES):
            page = self._ask("GET", uri)
            for record in page.get("messages") or []:
                yield record
                given += 1
                if given == most:
                    return
            path = page.get("next_page_uri") or ""
            if not path.startswith("/"):  # none, or a host that is not Twilio's
                return
            uri = self.prefix + path

    def number(self, number: str) -> Record | None:
        """What the console says of one of the account's numbers (+1…); None when it has no such number."""
        page = self._ask("GET", f"{self.numbers}?{urlencode({'PhoneNumber': number})}")
        found = page.get("incoming_phone_numbers") or []
        return next((one for one in found if one.get("phone_number") == number), None)

    def service(self, sid: str) -> Record | None:
        """A Messaging Service (MG…); None when the account has no such service."""
        try:
            return self._ask("GET", f"{self.prefix}/v1/Services/{quote(sid, safe='')}", at=self.messaging)
        except SendError as error:
            if error.status != 404:
                raise
            return None

    def whatsapp_sender(self, sender: str) -> Record | None:
        """A WhatsApp sender (whatsapp:+1…); None when the account has no such sender."""
        asked = f"{self.prefix}/v2/Channels/Senders?{urlencode({'Channel': 'whatsapp'})}"
        page = self._ask("GET", asked, at=self.messaging)
        found = page.get("senders") or []
        return next((one for one in found if one.get("sender_id") == sender), None)

    def _ask(
        self,
        method: str,
        target: str,
        values: Mapping[str, str] | None = None,
        *,
        at: urllib3.HTTPConnectionPool | None = None,
    ) -> Record:
        answer = self._exchange(at or self.http, method, target, urlencode(values).encode() if values else None)
        record = _record(answer.data)
        if answer.status >= 300:
            raise refusal(answer.status, record or {})
        if record is None:
            raise OutcomeUnknown("an answer nobody can read")
        return record

    def _exchange(
        self, http: urllib3.HTTPConnectionPool, method: str, target: str, body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return http.urlopen(method, target, body, self.headers[method], retries=False, redirect=False)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            raise SendError("cannot connect") from None
        except urllib3.exceptions.SSLError as error:
            raise _ssl(error) from None
        except urllib3.exceptions.HTTPError:
            raise OutcomeUnknown("no answer") from None


def _record(data: bytes) -> Record | None:
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def refusal(status: int, told: Mapping[str, Any]) -> SendError:
    """A 5xx may have come after the message was taken (but for 20503, "service is not available"); everything below
    it was surely not taken."""
    code = told.get("code")
    code = code if isinstance(code, int) and code != status else 0
    if status >= 500 and code != 20503:
        return OutcomeUnknown(f"answered {status}", status=status)
    return SendError(f"refused with {code or status}", code=code, status=status)


def _ssl(error: urllib3.exceptions.SSLError) -> SendError:
    """A certificate that is refused is refused before anything is sent; other faults may come at any moment."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, ssl.SSLCertVerificationError):
        return SendError("the carrier's certificate is not valid")
    return OutcomeUnknown("connection lost")
