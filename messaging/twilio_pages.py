"""Pages through Twilio: a text, a WhatsApp template, a telephone call. No Messaging Service: its queue and its opt-out
rules are for texters."""

import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

import orjson

from base.errors import SendError
from base.settings import Twilio
from messaging.channel import Accepted
from messaging.twilio import TwilioChannel, accepted

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
        values = {"To": phone, "Body": body, "ValidityPeriod": str(VALID_S)}
        return self._message(page_id, self.account.sms_from, values)

    def template(self, phone: str, page_id: uuid.UUID, content_sid: str, variables: Mapping[str, str]) -> Accepted:
        """A WhatsApp message by an approved template."""
        filled = orjson.dumps(dict(variables)).decode()
        values = {"To": f"whatsapp:{phone}", "ContentSid": content_sid, "ContentVariables": filled}
        return self._message(page_id, self.account.whatsapp_from, values)

    def _message(self, page_id: uuid.UUID, sender: str | None, values: dict[str, str]) -> Accepted:
        if not sender:
            raise SendError("no sender is set for this way of paging", code=63016)
        values |= {"From": sender, "StatusCallback": self._url("page", page_id)}
        return accepted(self.api.create(values))

    def call(self, phone: str, page_id: uuid.UUID) -> Accepted:
        """A telephone call; what is said is fetched from our webhook."""
        if not self.voice_from:
            raise SendError("no number is set that calls", code=63016)
        values = {"To": phone, "From": self.voice_from, "Url": self._url("voice", page_id), "Timeout": str(RING_S)}
        return accepted(self.api.call(values | {"StatusCallback": self._url("page", page_id)}))
