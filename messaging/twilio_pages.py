"""Pages through Twilio: a text, a WhatsApp template, a telephone call. No Messaging Service: its queue and its opt-out
rules are for texters."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from base.errors import SendError
from base.settings import Twilio
from messaging.channel import Accepted
from messaging.twilio import TwilioChannel, asked

RING_S = 25  # shorter than most voice boxes
VALID_S = 300  # a text that could not be delivered by then: others have been paged


class TwilioPages(TwilioChannel):
    """Each names its own callback, with the page's id and nothing else. Raises as TwilioChannel.send does."""

    def __init__(self, account: Twilio, public_base_url: str, *, voice_from: str = "") -> None:
        super().__init__(account, public_base_url)
        self.voice_from = voice_from or account.sms_from or ""
        self.base = f"{public_base_url}/webhooks/twilio"

    def _url(self, name: str, page_id: uuid.UUID) -> str:
        return f"{self.base}/{name}?{urlencode({'p': str(page_id)})}"

    def text(self, phone: str, page_id: uuid.UUID, body: str) -> Accepted:
        """An SMS."""
        return self._message(page_id, to=phone, from_=self.account.sms_from, body=body, validity_period=VALID_S)

    def template(self, phone: str, page_id: uuid.UUID, content_sid: str, variables: Mapping[str, str]) -> Accepted:
        """A WhatsApp message by an approved template."""
        values = {"content_sid": content_sid, "content_variables": orjson.dumps(dict(variables)).decode()}
        return self._message(page_id, to=f"whatsapp:{phone}", from_=self.account.whatsapp_from, **values)

    def _message(self, page_id: uuid.UUID, **values: Any) -> Accepted:
        if not values["from_"]:
            raise SendError("no sender is set for this way of paging", code=63016)
        callback = self._url("page", page_id)
        sent = asked(lambda: self.client.messages.create(status_callback=callback, **values))
        return Accepted(sent.sid or "", str(sent.status))

    def call(self, phone: str, page_id: uuid.UUID) -> Accepted:
        """A telephone call; what is said is fetched from our webhook."""
        if not self.voice_from:
            raise SendError("no number is set that calls", code=63016)
        made = asked(
            lambda: self.client.calls.create(
                to=phone,
                from_=self.voice_from,
                url=self._url("voice", page_id),
                status_callback=self._url("page", page_id),
                timeout=RING_S,
            )
        )
        return Accepted(made.sid or "", str(made.status))
