"""Staff who answer a page by text: seen before the bot's turn, so that an officer's `A 4821` is no texter's message."""

from base.db import database_now
from base.settings import Settings
from bot.effects import Place
from bot.staff_words import Words
from messaging import outbox
from messaging.outbox import Lane
from oncall import answers


def answered(place: Place, settings: Settings) -> bool:
    """Whether this message was an answer to a page. Then it has been carried out and answered, in this transaction."""
    asked = answers.command(place.message.body) if place.message.kind == "text" else None
    if asked is None:
        return False
    nobody_real = settings.twilio is None and settings.gateway_url is None
    who = answers.sender(place.session, place.address.channel, place.address.value, simulated=nobody_real)
    if who is None:
        return False
    now = database_now(place.session)
    told = answers.answer(place.session, who, asked, now)
    if told is None:
        return False
    words = Words(settings.config.service.name, settings.staff_url).answer(told)
    outbox.queue(
        place.session, place.conversation, place.address.channel, [words], lane=Lane.PROTECTION,
        inbound_id=place.message.id,
    )  # fmt: skip
    place.message.outcome, place.message.handled_at = "page", now
    place.conversation.last_inbound_at = place.message.received_at
    return True
