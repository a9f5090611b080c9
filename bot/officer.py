"""The officer's side of a conversation: what a person writes goes out from the service's number in the texter's
channel. One owner at a time, bot or person; closing the case gives it back to the bot (oncall.handling)."""

import string
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from base.settings import Settings
from bot.phrases import say, texts
from messaging import outbox
from messaging.models import Address, Conversation, OutboundMessage
from messaging.outbox import Lane
from messaging.segments import plain, segments
from oncall import handling, wishes
from oncall.cases import event
from oncall.models import Case, Consent
from oncall.wishes import OVERRIDES

WINDOWED = frozenset({"whatsapp", "sim_whatsapp"})
LONGEST = 1000  # letters: seven SMS
CANNED = "canned."
OPTED_OUT = "this person asked for no more messages, and their carrier keeps them back"
WHY_NOT = {
    "no": "this person wishes no contact from us first",
    "hidden": "the quick-exit word was used: somebody else may hold the phone",
    "not_now": "this is not an hour that the person called safe",
}


@dataclass(frozen=True)
class Window:
    """WhatsApp's rule: free words only so long after the person's last message. `closes_at` None: no such rule."""

    closes_at: datetime | None
    left: timedelta | None
    open: bool


@dataclass(frozen=True)
class Sent:
    """What became of a reply: on its way, or knocked (the person is asked to answer first; then it leaves)."""

    how: Literal["sent", "knocked"]
    window: Window
    segments: int


def window(channel: str, last_inbound_at: datetime | None, at: datetime, length: timedelta) -> Window:
    """The window at a moment. Without any message of theirs it is closed."""
    if channel not in WINDOWED:
        return Window(None, None, open=True)
    closes = last_inbound_at + length if last_inbound_at else at
    return Window(closes, max(closes - at, timedelta(0)), open=at < closes)


def send_reply(
    session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, words: str, now: datetime, settings: Settings,
    *, override: str | None = None, conversation_id: uuid.UUID | None = None, message_id: uuid.UUID | None = None,
) -> Sent:  # fmt: skip
    """Send what an officer wrote, in the caller's transaction; the case is theirs and engaged from now.

    `override`: why it is written although the person's wishes or their safety speak against it; noted in the case.
    `conversation_id`: of a case merged into this one. `message_id`: chosen by who asks; asked for twice (a form sent
    again on a bad line), it is sent once. Refused, in words for the officer, when it must not go out.
    """
    text = _words(words)
    case = session.get(Case, case_id)
    if case is None:
        raise Refused("there is no such case")
    conversation, address = _whom(session, case, conversation_id or case.conversation_id)
    there = window(address.channel, conversation.last_inbound_at, now, settings.config.channels.whatsapp.window)
    if message_id and (known := session.get(OutboundMessage, message_id)):
        return Sent("knocked" if known.state == "window" else "sent", there, known.segments)
    contra = _against(session, conversation, address, now)
    if contra and override not in OVERRIDES:
        raise Refused(f"{contra}; say why it must go out all the same ({', '.join(OVERRIDES)})")
    template = None if there.open else _template(settings, conversation, address)
    took = handling.contacted(session, case_id, staff_id, now)
    if took.kind != "engaged":
        raise Refused({"held": f"{took.owner} has this case", "closed": "this case is closed"}.get(
            took.kind, "you may not take this case"))  # fmt: skip
    conversation.owner = "staff"
    if contra:
        event(session, case, "override", now, staff_id=staff_id, detail={"reason": override, "against": contra})
    state = "queued" if there.open else "window"
    if not there.open:
        _knock(session, conversation, address.channel, template)
    rows = outbox.rows(conversation.id, address.channel, [text], lane=Lane.PROTECTION, state=state)
    rows[0]["id"] = message_id or rows[0]["id"]
    outbox.write(session, rows)
    event(session, case, "reply", now, staff_id=staff_id, detail={"message": f"out:{rows[0]['id']}"})
    return Sent("sent" if there.open else "knocked", there, segments(text))


def _words(words: str) -> str:
    text = plain(words.strip())
    if not text or len(text) > LONGEST:
        raise InvalidInput(f"a message has words, and at most {LONGEST} letters")
    return text


def _whom(session: Session, case: Case, conversation_id: uuid.UUID) -> tuple[Conversation, Address]:
    """The conversation of the case, or of one merged into it."""
    if conversation_id != case.conversation_id and not session.scalar(
        select(Case.id).where(Case.conversation_id == conversation_id, Case.merged_into == case.id)
    ):
        raise Refused("this conversation belongs to another case")
    conversation = session.get_one(Conversation, conversation_id, with_for_update=True, populate_existing=True)
    return conversation, session.get_one(Address, conversation.address_id)


def _against(session: Session, conversation: Conversation, address: Address, now: datetime) -> str | None:
    """What speaks against writing now. Who asked for no messages at all is not written to, whatever the reason."""
    if address.opted_out_at:
        raise Refused(OPTED_OUT)
    return against(session, conversation, now)


def against(session: Session, conversation: Conversation, now: datetime) -> str | None:
    """What speaks against writing to this person now: what they wished, or their safety. None: nothing."""
    own = session.scalar(select(Case.id).where(Case.conversation_id == conversation.id, Case.closed_at.is_(None)))
    told = wishes.of(session, own) if own else wishes.Wishes()
    return WHY_NOT.get(wishes.may_write(told, conversation.last_inbound_at, now))


def _template(settings: Settings, conversation: Conversation, address: Address) -> str | None:
    """The approved template in the person's language, else English; the simulator needs none."""
    known = settings.config.danger.knock_template
    found = known.get(conversation.language or "en") or known.get("en")  # type: ignore[call-overload]
    if found is None and address.channel == "whatsapp":
        raise Refused("WhatsApp's 24 hours are over and no template is set (danger.knock_template in config.yml)")
    return str(found) if found else None


def _knock(session: Session, conversation: Conversation, channel: str, template: str | None) -> None:
    """Ask the person to write first, once; the officer's words wait until they did."""
    waiting = select(OutboundMessage.id).where(
        OutboundMessage.conversation_id == conversation.id, OutboundMessage.state == "window"
    )
    if session.scalar(waiting.limit(1)) is None:
        knock = say(conversation.language, "knock")
        outbox.queue(session, conversation, channel, [knock], lane=Lane.PROTECTION, template=template)


def canned() -> tuple[str, ...]:
    """The names of the canned replies."""
    return tuple(key.removeprefix(CANNED) for key in texts("en") if key.startswith(CANNED))


def variables(name: str) -> frozenset[str]:
    """What a canned reply wants filled in."""
    return frozenset(field for _, field, _, _ in string.Formatter().parse(texts("en")[CANNED + name]) if field)


def fill(name: str, language: str | None, settings: Settings, **values: str) -> str:
    """A canned reply in the person's language. Numbers and the service's name are known; InvalidInput names what else
    is missing (officer, word, service)."""
    if name not in canned():
        raise InvalidInput("there is no canned reply of this name")
    numbers = f" {say(language, 'or')} ".join(settings.emergency_numbers())
    known = {"numbers": numbers, "name": settings.config.service.name} | {k: v for k, v in values.items() if v.strip()}
    missing = sorted(variables(name) - known.keys())
    if missing:
        raise InvalidInput(f"to be filled in: {', '.join(missing)}")
    return say(language, CANNED + name, **known)


def consented(session: Session, case_id: uuid.UUID) -> bool:
    """Whether this person has agreed to be contacted and not withdrawn it."""
    agreed = select(Consent.id).where(
        Consent.case_id == case_id, Consent.purpose == "contact", Consent.withdrawn_at.is_(None)
    )
    return session.scalar(agreed.limit(1)) is not None
