"""How pages leave: through Twilio (text, WhatsApp template, telephone call), the gateway, or the browser's phones."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from base.db import database_now, transaction
from base.errors import SendError
from base.settings import Settings
from bot import staff_words
from messaging import inbox
from messaging.channel import Accepted
from messaging.gateway import GatewayChannel
from messaging.models import OutboundMessage
from messaging.outbox import Lane, Sending
from messaging.segments import segments
from messaging.twilio_pages import TwilioPages
from oncall.pages import Paging
from oncall.paging import Pager


def open_pager(settings: Settings, sessions: sessionmaker[Session]) -> Pager:
    """The way that the settings switch on: Twilio's, else the gateway's, else the simulator's."""
    words = staff_words.Words(settings.config.service.name, settings.staff_url)
    if settings.twilio:
        return TwilioPager(settings, words)
    if settings.gateway_url and settings.gateway_secret:
        return GatewayPager(GatewayChannel(settings.gateway_url, settings.gateway_secret), words)
    return SimulatedPager(sessions, words)


class TwilioPager:
    """SMS, WhatsApp by template (free text would need an open window), and calls."""

    def __init__(self, settings: Settings, words: staff_words.Words) -> None:
        assert settings.twilio  # noqa: S101 - open_pager looked
        config = settings.config.oncall
        self.twilio = TwilioPages(settings.twilio, settings.public_base_url, voice_from=config.voice_from)
        self.template, self.words = config.whatsapp_template, words

    def send(self, page: Paging) -> Accepted:
        if page.channel == "voice":
            return self.twilio.call(page.phone, page.id)
        if page.channel == "whatsapp":
            if not self.template:
                raise SendError("no template is set for pages by WhatsApp", code=63016)
            return self.twilio.template(page.phone, page.id, self.template, self.words.variables(page))
        return self.twilio.text(page.phone, page.id, self.words.text(page))


class GatewayPager:
    """A local operator's gateway carries texts only."""

    def __init__(self, gateway: GatewayChannel, words: staff_words.Words) -> None:
        self.gateway, self.words = gateway, words

    def send(self, page: Paging) -> Accepted:
        if page.channel != "sms":
            raise SendError("the gateway carries texts only", code=21408)
        body = self.words.text(page)
        return self.gateway.send(
            Sending(page.id, page.id, "gateway", page.phone, body, segments(body), page.attempts, page.created_at)
        )


class SimulatedPager:
    """A page appears on the browser's phone with the officer's number. A call is shown as a text that says so."""

    def __init__(self, sessions: sessionmaker[Session], words: staff_words.Words) -> None:
        self.sessions, self.words = sessions, words

    def send(self, page: Paging) -> Accepted:
        body = self.words.call(page) if page.channel == "voice" else self.words.text(page)
        channel = "sim_whatsapp" if page.channel == "whatsapp" else "sim_sms"
        with transaction(self.sessions) as session:
            at = database_now(session)
            row = insert(OutboundMessage).values(
                id=page.id, conversation_id=inbox.open_conversation(session, channel, page.phone), channel=channel,
                lane=int(Lane.PROTECTION), body=body, segments=1, state="accepted", delivery="delivered",
                accepted_at=at, external_id=f"SIM{page.id.hex}",
            )  # fmt: skip
            session.execute(row.on_conflict_do_nothing(index_elements=["id"]))
        return Accepted(f"SIM{page.id.hex}", "delivered")
