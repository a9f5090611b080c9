"""Twilio's Messages and Calls through its library's client, over one pool of kept connections.

The library signs in and names itself; its own transport (requests) takes about 1.5 ms of processor time for a message,
so the connections are urllib3's. Tests hold what leaves against Twilio's OpenAPI description. Sources: twilio-python
9.13, the Messages API pages, twilio_api_v2010.json.
"""

import logging
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import urllib3
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from base.errors import OutcomeUnknown, SendError
from base.settings import Twilio

Record = dict[str, Any]
MOST_PAGES = 50
HOME = "https://api.twilio.com"
MESSAGING = "https://messaging.twilio.com"  # services and WhatsApp senders; with another API base, there too


class _Connections(HttpClient):
    """The library's transport: kept connections to the API base that the settings name. Raises SendError when a request
    surely had no effect, OutcomeUnknown when it may have had."""

    def __init__(self, base: str, timeout_s: float) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=timeout_s)
        self.base = base
        limit = urllib3.Timeout(connect=min(timeout_s, 5.0), read=timeout_s)
        self.http = urllib3.PoolManager(maxsize=32, timeout=limit, retries=False)

    def request(  # type: ignore[override]
        self,
        method: str,
        uri: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """What Twilio answers; nothing of it is logged."""
        path = uri.removeprefix(HOME) if self.base == HOME else uri.removeprefix(HOME).removeprefix(MESSAGING)
        url = path if path.startswith(MESSAGING) else self.base + path
        url += f"?{urlencode(params)}" if params else ""
        signed = dict(headers or {}) | (urllib3.make_headers(basic_auth=":".join(auth)) if auth else {})
        body = urlencode(data).encode() if data else None
        try:
            answer = self.http.request(method, url, body=body, headers=signed, redirect=False)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            raise SendError("cannot connect") from None
        except urllib3.exceptions.SSLError as error:
            raise _ssl(error) from None
        except urllib3.exceptions.HTTPError:
            raise OutcomeUnknown("no answer") from None
        return Response(answer.status, answer.data.decode("utf-8", "replace"))


class TwilioApi:
    """Calls for one account. Raises SendError when a call surely had no effect, OutcomeUnknown when it may have had."""

    def __init__(self, account: Twilio) -> None:
        base = f"{HOME}/2010-04-01/Accounts/{account.account_sid}"
        self.most_a_page = 1000
        self.messages, self.calls = f"{base}/Messages.json", f"{base}/Calls.json"
        self.numbers = f"{base}/IncomingPhoneNumbers.json"
        connections = _Connections(account.api_base, account.timeout_s)
        self.client = Client(account.account_sid, account.auth_token, http_client=connections)  # type: ignore[no-untyped-call]

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
            uri = HOME + path

    def number(self, number: str) -> Record | None:
        """What the console says of one of the account's numbers (+1…); None when it has no such number."""
        page = self._ask("GET", f"{self.numbers}?{urlencode({'PhoneNumber': number})}")
        found = page.get("incoming_phone_numbers") or []
        return next((one for one in found if one.get("phone_number") == number), None)

    def service(self, sid: str) -> Record | None:
        """A Messaging Service (MG…); None when the account has no such service."""
        try:
            return self._ask("GET", f"{MESSAGING}/v1/Services/{quote(sid, safe='')}")
        except SendError as error:
            if error.status != 404:
                raise
            return None

    def whatsapp_sender(self, sender: str) -> Record | None:
        """A WhatsApp sender (whatsapp:+1…); None when the account has no such sender."""
        page = self._ask("GET", f"{MESSAGING}/v2/Channels/Senders?{urlencode({'Channel': 'whatsapp'})}")
        found = page.get("senders") or []
        return next((one for one in found if one.get("sender_id") == sender), None)

    def _ask(self, method: str, uri: str, values: Mapping[str, str] | None = None) -> Record:
        answer = self.client.request(method, uri, data=dict(values) if values else None)
        record = _record(answer.text)
        if answer.status_code >= 300:
            raise refusal(answer.status_code, record or {})
        if record is None:
            raise OutcomeUnknown("an answer nobody can read")
        return record


def _record(data: str) -> Record | None:
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
