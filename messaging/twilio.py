"""Twilio: read its webhooks, check its signatures, send through its REST API.

Sources: twilio-python 9.13 (request_validator.py, http/http_client.py), Twilio's webhook and Messages API pages.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from base.errors import InvalidInput, OutcomeUnknown, SendError
from base.settings import Twilio
from messaging.channel import Accepted
from messaging.inbound import Inbound, Kind
from messaging.outbox import Sending

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
TWILIO_HOME = "https://api.twilio.com"
LONGEST_TEXT = 4096  # WhatsApp's longest message; an SMS is at most 1,600


def signature_ok(account: Twilio, url: str, params: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> bool:
    """Whether Twilio signed this request.

    The signature is base64(HMAC(key, url + every name+value sorted by name)). The key is the account's auth token
    (SHA-1), or, when the newer settings header names one of our shared keys, that key (SHA-256). The algorithm is
    taken from our own settings for the key, never from the request.
    """
    given = headers.get(SIGNATURE, "")
    payload = url + "".join(name + value for name, value in sorted(set(params)))
    settings = headers.get(SETTINGS)
    if settings:
        secret = account.shared_keys.get(_shared_key_id(settings), "")
        return bool(secret) and _same(given, secret, payload, hashlib.sha256)
    return _same(given, account.auth_token, payload, hashlib.sha1)


def _shared_key_id(settings: str) -> str:
    parts = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    return parts.get("key", "")


def _same(given: str, secret: str, payload: str, algorithm: Any) -> bool:
    expected = base64.b64encode(hmac.new(secret.encode(), payload.encode(), algorithm).digest())
    return hmac.compare_digest(expected, given.strip().encode("utf-8", "surrogateescape"))


def parse_inbound(params: Mapping[str, str]) -> Inbound:
    """A webhook of an incoming SMS or WhatsApp message. Parameters we do not know are ignored; the profile's name is
    not kept. InvalidInput when it has no id or no sender."""
    sid = _clean(params.get("MessageSid") or params.get("SmsMessageSid") or params.get("SmsSid") or "")[:64]
    sender = _clean(params.get("From") or "")
    if not sid or not sender:
        raise InvalidInput("MessageSid and From are needed")
    channel, address = split_address(sender)
    extra = _extra(params)
    kind: Kind = "text"
    if "latitude" in extra:
        kind = "location"
    elif "button" in extra:
        kind = "button"
    elif extra.get("media"):
        kind = "media"
    text = params.get("Body") or params.get("ButtonText") or params.get("ListTitle") or ""
    return Inbound("twilio", sid, channel, address, _clean(text), kind, extra)


def split_address(value: str) -> tuple[str, str]:
    """`whatsapp:+1767…` -> ("whatsapp", "+1767…"); a WhatsApp address may be a business-scoped id without a number."""
    channel, colon, address = value.replace(" ", "").partition(":")
    if not colon:
        channel, address = "sms", channel
    elif channel != "whatsapp":
        raise InvalidInput("addresses of this channel are not known")
    if not address.strip():
        raise InvalidInput("the sender has no address")
    return channel, address.strip()[:160]


def _extra(params: Mapping[str, str]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    button = params.get("ButtonPayload") or params.get("ListId")
    if button:
        extra["button"] = _clean(button)[:256]
    place = _coordinates(params)
    if place:
        extra["latitude"], extra["longitude"] = place
    media = [
        {"url": _clean(params[f"MediaUrl{i}"])[:1000], "type": _clean(params.get(f"MediaContentType{i}", ""))[:100]}
        for i in range(min(_number(params.get("NumMedia")), 20))
        if params.get(f"MediaUrl{i}")
    ]
    if media:
        extra["media"] = media
    if params.get("OptOutType") in {"STOP", "START", "HELP"}:
        extra["opt_out"] = params["OptOutType"]
    return extra


def _coordinates(params: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        latitude, longitude = float(params["Latitude"]), float(params["Longitude"])
    except (KeyError, ValueError):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 4 else 0


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL, and half a surrogate pair is no letter."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:LONGEST_TEXT]


class _HttpClient(TwilioHttpClient):
    """The library's client, pointed at another API base when the settings say so (a bench, a proxy)."""

    def __init__(self, base: str, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self.base = base
        self.session: requests.Session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=32, max_retries=0)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)
        self.session.trust_env = False  # no proxy or netrc look-ups on every message

    def request(self, method: str, uri: str, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        if uri.startswith(TWILIO_HOME):
            uri = self.base + uri.removeprefix(TWILIO_HOME)
        return super().request(method, uri, *args, **kwargs)


def asked(ask: Callable[[], Any]) -> Any:
    """What Twilio answers; SendError (surely not taken) or OutcomeUnknown (perhaps taken) otherwise."""
    try:
        return ask()
    except TwilioRestException as error:
        raise _refusal(error) from None
    except (TwilioException, ValueError):
        raise OutcomeUnknown("an answer nobody can read") from None
    except requests.exceptions.ConnectTimeout:
        raise SendError("connection timed out") from None
    except requests.exceptions.ConnectionError as error:
        raise _connection(error) from None
    except requests.exceptions.RequestException:
        raise OutcomeUnknown("no answer") from None


class TwilioChannel:
    """Sends SMS and WhatsApp messages through one Twilio account."""

    def __init__(self, account: Twilio, public_base_url: str) -> None:
        self.account = account
        self.callback = f"{public_base_url}/webhooks/twilio/status"
        self.client = Client(  # type: ignore[no-untyped-call]
            account.account_sid,
            account.auth_token,
            http_client=_HttpClient(account.api_base, account.timeout_s),
        )

    def _addresses(self, message: Sending) -> tuple[str, str]:
        if message.channel == "whatsapp":
            sender, to = self.account.whatsapp_from, f"whatsapp:{message.address}"
        else:
            sender, to = self.account.sms_from, message.address
        if not sender:
            raise SendError(f"no sender is set for {message.channel}", code=21606)
        return sender, to

    def send(self, message: Sending) -> Accepted:
        sender, to = self._addresses(message)
        values: dict[str, Any] = {
            "to": to,
            **({"content_sid": message.template} if message.template else {"body": message.body}),
            "status_callback": f"{self.callback}?{urlencode({'m': str(message.id)})}",
        }
        if self.account.messaging_service_sid:
            values["messaging_service_sid"] = self.account.messaging_service_sid
        values["from_"] = sender
        sent = asked(lambda: self.client.messages.create(**values))
        return Accepted(sent.sid or "", str(sent.status))

    def find(self, message: Sending, since: datetime, known: frozenset[str]) -> Accepted | None:
        sender, to = self._addresses(message)
        try:
            listed = self.client.messages.list(
                to=to, from_=sender, date_sent_after=since - timedelta(minutes=5), limit=200
            )
        except (TwilioException, requests.exceptions.RequestException, ValueError):
            raise OutcomeUnknown("no answer to the look-up") from None
        for sent in listed:
            if sent.body == message.body and sent.sid not in known and str(sent.direction) != "inbound":
                return Accepted(sent.sid or "", str(sent.status))
        return None


def _refusal(error: TwilioRestException) -> SendError:
    """A 5xx may have come after the message was taken (but for 20503, "service is not available"); everything below
    it was surely not taken. The library puts the HTTP status in place of a missing code."""
    code = 0 if error.code == error.status else int(error.code or 0)
    if error.status >= 500 and code != 20503:
        return OutcomeUnknown(f"answered {error.status}", status=error.status)
    return SendError(f"refused with {code or error.status}", code=code, status=error.status)


def _connection(error: requests.exceptions.ConnectionError) -> SendError:
    """Refused before a byte was sent, or cut off afterwards."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "SSLError"}:
        return SendError("cannot connect")
    return OutcomeUnknown("connection lost")
