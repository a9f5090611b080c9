"""Twilio: read its webhooks, check its signatures, send through its REST API.

Sources: twilio-python 9.13 (request_validator.py), Twilio's webhook and Messages API pages.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from base.errors import InvalidInput, OutcomeUnknown, SendError
from base.settings import Twilio
from messaging.channel import Accepted
from messaging.inbound import Inbound, Kind
from messaging.outbox import Sending
from messaging.twilio_api import TwilioApi

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
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


def sign(account: Twilio, url: str, params: Iterable[tuple[str, str]]) -> str:
    """The signature that Twilio makes with the auth token."""
    payload = url + "".join(name + value for name, value in sorted(set(params)))
    return _made(account.auth_token, payload, hashlib.sha1).decode()


def _made(secret: str, payload: str, algorithm: Any) -> bytes:
    return base64.b64encode(hmac.new(secret.encode(), payload.encode(), algorithm).digest())


def _same(given: str, secret: str, payload: str, algorithm: Any) -> bool:
    expected = _made(secret, payload, algorithm)
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


class TwilioChannel:
    """Sends SMS and WhatsApp messages through one Twilio account."""

    def __init__(self, account: Twilio, public_base_url: str) -> None:
        self.account = account
        self.callback = f"{public_base_url}/webhooks/twilio/status"
        self.api = TwilioApi(account)

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
        said = {"ContentSid": message.template} if message.template else {"Body": message.body}
        values = {"To": to, "From": sender, **said, "StatusCallback": f"{self.callback}?m={message.id}"}
        if self.account.messaging_service_sid:
            values["MessagingServiceSid"] = self.account.messaging_service_sid
        return accepted(self.api.create(values))

    def find(self, message: Sending, since: datetime, known: frozenset[str]) -> Accepted | None:
        sender, to = self._addresses(message)
        try:
            filters = {"To": to, "From": sender, "DateSent>": _time(since - timedelta(minutes=5))}
            for sent in self.api.list(filters, most=200):
                if sent.get("body") == message.body and sent.get("sid") not in known and not _came_in(sent):
                    return accepted(sent)
        except SendError:
            raise OutcomeUnknown("no answer to the look-up") from None
        return None

    def arrived(self, since: datetime, until: datetime, most: int) -> Iterator[tuple[Inbound, datetime | None]]:
        """What came in for our senders between the two, at most `most` for each, newest first, and when, as Twilio's
        list tells it (without media addresses, places and buttons, which only the webhook has). What cannot be read is
        left out."""
        between = {"DateSent>": _time(since), "DateSent<": _time(until + timedelta(seconds=1))}
        for ours in (self.account.sms_from, self.account.whatsapp_from):
            if ours:
                for record in self.api.list({"To": ours, **between}, most=most):
                    with suppress(InvalidInput):
                        if _came_in(record):
                            yield listed_inbound(record), _listed_at(record)


def accepted(record: Mapping[str, Any]) -> Accepted:
    """Twilio's id and status out of its record of what was created."""
    sid, status = record.get("sid"), record.get("status")
    if not isinstance(sid, str) or not isinstance(status, str):
        raise OutcomeUnknown("an answer nobody can read")
    return Accepted(sid, status)


def _came_in(record: Mapping[str, Any]) -> bool:
    return str(record.get("direction")) == "inbound"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _listed_at(record: Mapping[str, Any]) -> datetime | None:
    try:
        return parsedate_to_datetime(str(record.get("date_sent") or record.get("date_created")))
    except ValueError:
        return None


def listed_inbound(record: Mapping[str, Any]) -> Inbound:
    """An inbound message as the Messages list shows it; what its webhook would have given, but for what is only there.
    InvalidInput as in `parse_inbound`."""
    told = {"MessageSid": record.get("sid"), "From": record.get("from"), "Body": record.get("body")}
    inbound = parse_inbound({name: str(value) for name, value in told.items() if value})
    media = _number(str(record.get("num_media") or ""))
    return replace(inbound, kind="media", extra={"media": []}) if media and not inbound.text else inbound
