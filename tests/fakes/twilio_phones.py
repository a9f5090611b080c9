"""People writing to us: what Twilio posts to our webhook for SMS and WhatsApp, one by one or as a flood."""

import json
import time
from collections.abc import Sequence
from urllib.parse import urlencode

from tests.fakes.twilio_client import FORM, Response, Wire
from tests.fakes.twilio_flood import Flood, Run, Sent
from tests.fakes.twilio_ground import Ground
from tests.fakes.twilio_records import Message
from tests.fakes.twilio_text import new_sid, opt_out_type, segments

Params = dict[str, str]
EXTENSION = {"image/jpeg": "image", "audio/ogg": "audio", "video/mp4": "video", "application/pdf": "document"}


class Phones(Ground):
    """The phones of people, and the world that loses and repeats their messages."""

    inbound_path = "/webhooks/twilio/inbound"
    country = "DM"

    def begin_phones(self) -> None:
        self.inbound: dict[str, Params] = {}

    # -- one message

    def send_sms(
        self,
        from_: str,
        text: str = "",
        *,
        to: str | None = None,
        media: Sequence[str] = (),
        sid: str | None = None,
        signature: str = "good",
        content_type: str = FORM,
        raw_body: bytes | None = None,
        path: str | None = None,
        deliver: bool = True,
        **params: str | None,
    ) -> Sent:
        """A person sends an SMS. `media` are content types; `signature` is good, missing or forged; `deliver=False`
        loses it on the way to our webhook (the REST list still has it); other parameters are added to Twilio's own,
        or taken out when None."""
        made = self.sms_params(from_, text, to=to, media=media, sid=sid)
        made = _with(made, params)
        return self._post(
            made, signature=signature, content_type=content_type, raw_body=raw_body, path=path, deliver=deliver
        )

    def send_whatsapp(
        self,
        from_: str,
        text: str = "",
        *,
        to: str | None = None,
        location: tuple[float, float] | None = None,
        media: Sequence[str] = (),
        button: tuple[str, str] | None = None,
        list_item: tuple[str, str] | None = None,
        profile_name: str = "Somebody",
        sid: str | None = None,
        signature: str = "good",
        content_type: str = FORM,
        raw_body: bytes | None = None,
        path: str | None = None,
        deliver: bool = True,
        **params: str | None,
    ) -> Sent:
        """A person writes on WhatsApp, from a number or a business-scoped id such as `DM.123` (`whatsapp:` may be left
        out). `button` is (text, payload), `list_item` (id, title), `location` (latitude, longitude), `media` content
        types; the rest as `send_sms`."""
        made = self.whatsapp_params(from_, text, to=to, media=media, sid=sid, profile_name=profile_name)
        made |= _pressed(button, list_item) | _located(location)
        made = _with(made, params)
        return self._post(
            made, signature=signature, content_type=content_type, raw_body=raw_body, path=path, deliver=deliver
        )

    def repeat(self, sid: str, *, signature: str = "good") -> Sent:
        """Twilio sends an earlier message once more, word for word."""
        return self._post(self.inbound[sid], signature=signature)

    def voice(self, url: str, **params: str) -> Response:
        """Ask one of our voice addresses for TwiML as Twilio does during a call."""
        made = {"ApiVersion": "2010-04-01", "AccountSid": self.account.sid, "Direction": "outbound-api"}
        return self.caller.post(url, made | {"CallStatus": "in-progress"} | params)

    # -- many messages

    def flood(
        self,
        messages: Sequence[tuple[str, str]],
        rate: float | None = None,
        connections: int = 16,
        retries: int = 0,
    ) -> Flood:
        """Send (from, text) pairs, WhatsApp when `from` begins with `whatsapp:`, at `rate` a second (None: as fast as
        the answers come) over so many kept-alive connections. All are made and signed beforehand. `retries` sends
        again what got no answer or a 5xx, as a Twilio account set up with `#rc=N&rp=all` does."""
        made = [self._params(from_, text) for from_, text in messages]
        url = self.account.public_base_url + self.inbound_path
        requests = [self.caller.encode(url, params) for params in made]
        sids = [params["MessageSid"] for params in made]
        run = Run(requests, sids, rate, retries, lambda n: self._received(made[n]))
        wires = [Wire(*self.caller.address(url)) for _ in range(connections)]
        return run.play(wires)

    # -- Twilio's parameters

    def _params(self, from_: str, text: str) -> Params:
        if from_.startswith("whatsapp:"):
            return self.whatsapp_params(from_, text)
        return self.sms_params(from_, text)

    def sms_params(
        self, from_: str, text: str, *, to: str | None = None, media: Sequence[str] = (), sid: str | None = None
    ) -> Params:
        """All that Twilio posts for an SMS, with its blank parameters."""
        place = {f"{end}{part}": "" for end in ("To", "From") for part in ("City", "State", "Zip")}
        made = {"ToCountry": self.country, "FromCountry": self.country} | place
        made |= self._common(from_, text, to or self._ours("+"), media, sid)
        reserved = opt_out_type(text)
        if reserved and self.advanced_opt_out:
            made["OptOutType"] = reserved
        return made

    def whatsapp_params(
        self,
        from_: str,
        text: str,
        *,
        to: str | None = None,
        media: Sequence[str] = (),
        sid: str | None = None,
        profile_name: str = "Somebody",
    ) -> Params:
        """All that Twilio posts for a WhatsApp message."""
        from_ = from_ if from_.startswith("whatsapp:") else f"whatsapp:{from_}"
        wa_id = from_.removeprefix("whatsapp:").removeprefix("+")
        context = {"ProfileName": profile_name, "WaId": wa_id}
        metadata = {"type": "whatsapp", "data": {"context": context}}
        kind = EXTENSION.get(media[0], "document") if media else "text"
        made = {"ProfileName": profile_name, "WaId": wa_id, "MessageType": kind, "ReferralNumMedia": "0"}
        made["ChannelMetadata"] = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
        if not wa_id.isdigit():
            made["ExternalUserId"] = from_
        return made | self._common(from_, text, to or self._ours("whatsapp:"), media, sid)

    def _common(self, from_: str, text: str, to: str, media: Sequence[str], sid: str | None) -> Params:
        sid = sid or new_sid("MM" if media else "SM")
        made = dict.fromkeys(("SmsMessageSid", "SmsSid", "MessageSid"), sid)
        made |= {"NumMedia": str(len(media)), "SmsStatus": "received", "Body": text, "To": to}
        made |= {"NumSegments": "1" if from_.startswith("whatsapp:") else str(segments(text))}
        made |= {"AccountSid": self.account.sid, "From": from_, "ApiVersion": "2010-04-01"}
        base = f"https://api.twilio.com/2010-04-01/Accounts/{self.account.sid}/Messages/{sid}/Media/"
        for n, kind in enumerate(media):
            made |= {f"MediaUrl{n}": base + new_sid("ME"), f"MediaContentType{n}": kind}
        return made

    def _ours(self, start: str) -> str:
        return min(s for s in self.senders if s.startswith(start))

    # -- posting

    def _post(
        self,
        params: Params,
        *,
        signature: str,
        content_type: str = FORM,
        raw_body: bytes | None = None,
        path: str | None = None,
        deliver: bool = True,
    ) -> Sent:
        if signature == "good" and raw_body is None:
            self._received(params)
        if not deliver:
            return Sent(params["MessageSid"], 0, 0.0)
        url = self.account.public_base_url + (path or self.inbound_path)
        request = self.caller.encode(url, params, signature=signature, content_type=content_type, raw_body=raw_body)
        response = self.caller.send(url, request)
        self._check(response)
        return Sent(params["MessageSid"], response.status, response.seconds)

    def _check(self, response: Response) -> None:
        """Twilio reads a body as TwiML, and complains (12200, 12300) of anything else."""
        if response.status == 200 and response.body.strip() and "xml" not in response.content_type:
            self.violation(f"the webhook answered with {response.content_type or 'a body without a type'}, not TwiML")
        if b"<Message" in response.body:
            self.violation("the webhook answered with a TwiML message, which nobody can track")

    def _received(self, params: Params) -> None:
        """Twilio's own record of an inbound message, its opt-out list and WhatsApp's window."""
        sid, theirs, ours = params["MessageSid"], params.get("From", ""), params.get("To", "")
        self.heard(theirs, ours)
        self._obey(theirs, ours, params.get("Body", ""))
        if sid in self.inbound:
            return
        self.inbound[sid] = params
        now = self.now()
        text = params.get("Body", "")
        message = Message(sid, self.account.sid, theirs, ours, text, "inbound", "received", now, time.monotonic())
        message.body, message.sent, message.num_media = text, now, int(params.get("NumMedia", 0))
        self.store.add(message)
        self.arrived(message)

    def _obey(self, theirs: str, ours: str, body: str) -> None:
        word = None if theirs.startswith("whatsapp:") else opt_out_type(body)
        if word == "STOP":
            self.opted_out.add((theirs, ours))
        elif word == "START":
            self.opted_out.discard((theirs, ours))


def _with(params: Params, changes: dict[str, str | None]) -> Params:
    made: dict[str, str | None] = {**params, **changes}
    return {name: value for name, value in made.items() if value is not None}


def _pressed(button: tuple[str, str] | None, item: tuple[str, str] | None) -> Params:
    if button:
        text, payload = button
        return {"MessageType": "button", "ButtonText": text, "ButtonPayload": payload, "Body": text}
    if item:
        return {"MessageType": "interactive", "ListId": item[0], "ListTitle": item[1], "Body": item[1]}
    return {}


def _located(location: tuple[float, float] | None) -> Params:
    if not location:
        return {}
    latitude, longitude = location
    return {"MessageType": "location", "Latitude": str(latitude), "Longitude": str(longitude), "Body": ""}


def form_body(params: Params) -> bytes:
    """Parameters as a form body, for a test that changes it by hand and sends it as `raw_body`."""
    return urlencode(params).encode()
