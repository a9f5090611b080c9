"""What the bot did not understand, read and answered by a person. Each function works in the caller's transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from base.errors import ConfigError, InvalidInput, Refused
from base.settings import Settings
from bot.models import UnreadMessage
from bot.officer import LONGEST, Window, window
from messaging import outbox
from messaging.models import Address, Conversation, InboundMessage, OutboundMessage
from messaging.outbox import Lane
from messaging.segments import plain
from oncall import cases, checklist, staff
from oncall.cases import SEVERITIES, Disclosure
from oncall.models import Case

CONTEXT = 6  # messages of the same conversation that are shown with it
# Never looked into here: the person's number, the bot's memory.
_CLOSED = (defer(Conversation.state), defer(Conversation.pace), defer(Address.value))
LONG_AGO = datetime.min.replace(tzinfo=UTC)
UNREADABLE = "(cannot be read)"
LANE = Lane.REPLY  # a person waits for it, but nobody is in danger


@dataclass(frozen=True)
class Waiting:
    """A message that waits for a person; without its words."""

    id: int
    reason: str
    since: datetime
    language: str | None
    channel: str
    code: str | None  # of the conversation's open case


@dataclass(frozen=True)
class Said:
    """One line of a conversation."""

    at: datetime
    theirs: bool
    words: str


@dataclass(frozen=True)
class Opened:
    """A message with what is needed to answer it. `reading`: what the bot made of it when it came."""

    waiting: Waiting
    words: str
    reading: dict[str, Any]
    before: Sequence[Said]
    window: Window
    opted_out: bool
    done_at: datetime | None


def waiting(session: Session, limit: int = 200) -> list[Waiting]:
    """Those that nobody has dealt with, the oldest first."""
    found = _query().where(UnreadMessage.done_at.is_(None)).order_by(UnreadMessage.created_at, UnreadMessage.id)
    return [_waiting(*row) for row in session.execute(found.limit(limit))]


def count(session: Session) -> int:
    """How many wait."""
    return session.scalar(select(func.count()).where(UnreadMessage.done_at.is_(None))) or 0


def look(session: Session, unread_id: int, now: datetime, settings: Settings) -> Opened | None:
    """One message and the few before it, without words once it is dealt with. Looking is to be noted by the caller."""
    row = session.execute(_query().where(UnreadMessage.id == unread_id)).first()
    if row is None:
        return None
    unread, conversation, address, _ = row
    received = session.scalars(select(InboundMessage.received_at).where(InboundMessage.id == unread.inbound_id)).one()
    words, before, reading = "", list[Said](), dict[str, Any]()
    if unread.done_at is None:
        reading = _reading(session, unread.inbound_id)  # its reasons quote the words
        words = words_of(session, InboundMessage, unread.inbound_id)
        before = _before(session, unread, received)
    there = window(
        address.channel, conversation.last_inbound_at, now, settings.config.channels.whatsapp.window
    )  # fmt: skip
    return Opened(
        _waiting(*row), words, reading, before, there,
        address.opted_out_at is not None, unread.done_at,
    )  # fmt: skip


def answer(
    session: Session, unread_id: int, staff_id: uuid.UUID, words: str, now: datetime, settings: Settings
) -> None:
    """Answer a message, once. Refused when somebody did, a case has the conversation, or it cannot go out now."""
    unread, conversation, address = _locked(session, unread_id)
    if _open_case(session, conversation):
        raise Refused("this conversation has a case: answer there")
    if address.opted_out_at:
        raise Refused("this person asked for no more messages, and their carrier keeps them back")
    length = settings.config.channels.whatsapp.window
    if not window(address.channel, conversation.last_inbound_at, now, length).open:
        raise Refused("WhatsApp's 24 hours are over: nothing can be sent until they write again")
    text = plain(words.strip())
    if not text or len(text) > LONGEST:
        raise InvalidInput(f"a message has words, and at most {LONGEST} letters")
    outbox.queue(session, conversation, address.channel, [text], lane=LANE)
    _done(unread, staff_id, "answered", now)


def close(session: Session, unread_id: int, staff_id: uuid.UUID, now: datetime) -> None:
    """Nothing has to be answered."""
    unread, _, _ = _locked(session, unread_id)
    _done(unread, staff_id, "nothing_needed", now)


def disclose(session: Session, unread_id: int, staff_id: uuid.UUID, concern: str, severity: str, now: datetime) -> Case:
    """A person reads harm in it: a case is opened and paged as if the bot had heard it."""
    unread, conversation, _ = _locked(session, unread_id)
    if not staff.may_take(staff.get(session, staff_id)):
        raise Refused("you may not open a case")
    if severity not in SEVERITIES:
        raise InvalidInput("how bad is it: standard, high or critical")
    told = Disclosure(concern, severity, ("read by staff",))
    case = cases.disclose(session, conversation.id, unread.inbound_id, told, language=conversation.language, now=now)
    checklist.attach(session, case, now)
    cases.event(session, case, "read_by_staff", now, staff_id=staff_id)
    _done(unread, staff_id, "case", now)
    return case


def _locked(session: Session, unread_id: int) -> tuple[UnreadMessage, Conversation, Address]:
    """In the order in which a turn locks: the conversation first."""
    found = session.get(UnreadMessage, unread_id)
    if found is None:
        raise Refused("there is no such message")
    mine = select(Conversation).where(Conversation.id == found.conversation_id).options(*_CLOSED[:2])
    conversation = session.scalars(mine.with_for_update().execution_options(populate_existing=True)).one()
    unread = session.get_one(UnreadMessage, unread_id, with_for_update=True, populate_existing=True)
    if unread.done_at:
        raise Refused("somebody has dealt with this message already")
    return unread, conversation, session.get_one(Address, conversation.address_id, options=_CLOSED[2:])


def _done(unread: UnreadMessage, staff_id: uuid.UUID, how: str, now: datetime) -> None:
    unread.done_at, unread.done_by_id, unread.done_how = now, staff_id, how


def _query() -> Any:
    code = select(Case.code).where(Case.conversation_id == Conversation.id, Case.closed_at.is_(None)).limit(1)
    return (
        select(UnreadMessage, Conversation, Address, code.scalar_subquery())
        .join(Conversation, Conversation.id == UnreadMessage.conversation_id)
        .join(Address, Address.id == Conversation.address_id)
        .options(*_CLOSED)
    )


def _waiting(unread: UnreadMessage, conversation: Conversation, address: Address, code: str | None) -> Waiting:
    return Waiting(unread.id, unread.reason, unread.created_at, conversation.language, address.channel, code)


def _open_case(session: Session, conversation: Conversation) -> Case | None:
    return cases.open_case(session, conversation.id)


def words_of(session: Session, table: type[InboundMessage | OutboundMessage], message_id: object) -> str:
    """The words of a message; a note where they are erased or damaged."""
    try:
        with session.no_autoflush:
            return session.scalar(select(table.body).where(table.id == message_id)) or ""
    except (ConfigError, ValueError):
        return UNREADABLE


def _reading(session: Session, message_id: int) -> dict[str, Any]:
    try:
        found = session.scalar(select(InboundMessage.reading).where(InboundMessage.id == message_id))
    except (ConfigError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _case_until(session: Session, conversation_id: uuid.UUID) -> datetime | None:
    """When the last case of a conversation ended (long ago without one); None while it has one."""
    found = select(Case.closed_at).where(Case.conversation_id == conversation_id)
    ends = session.scalars(found).all()
    if None in ends:
        return None
    return max((end for end in ends if end), default=LONG_AGO)


def _before(session: Session, unread: UnreadMessage, received: datetime) -> list[Said]:
    """The last few lines before a message, the oldest first. None of a case: who may look at a case does so there."""
    closed = _case_until(session, unread.conversation_id)
    if closed is None:
        return []
    mine, ours = (
        InboundMessage.conversation_id == unread.conversation_id,
        OutboundMessage.conversation_id == unread.conversation_id,
    )
    came = select(InboundMessage.id, InboundMessage.received_at).where(
        mine, InboundMessage.id < unread.inbound_id, InboundMessage.received_at > closed
    )
    went = select(OutboundMessage.id, OutboundMessage.created_at).where(
        ours, OutboundMessage.created_at <= received, OutboundMessage.created_at > closed
    )
    came, went = came.order_by(InboundMessage.id.desc()), went.order_by(OutboundMessage.position.desc())
    came, went = came.limit(CONTEXT), went.limit(CONTEXT)
    lines = [Said(at, True, words_of(session, InboundMessage, key)) for key, at in session.execute(came)]
    lines += [Said(at, False, words_of(session, OutboundMessage, key)) for key, at in session.execute(went)]
    return sorted((one for one in lines if one.words), key=lambda one: one.at)[-CONTEXT:]
