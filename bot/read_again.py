"""Reads again what only the lexicon has read: while Rasa is away, harm that no phrase knows is heard by nobody.

When Rasa is back it is asked about each such message. What it hears then opens a case, which is paged like any other,
or puts the message before a person. Nothing is sent to the texter: it may be late, and somebody else may hold the
phone; an officer writes. May run in several processes at once, and anywhere be interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import transaction
from base.settings import Understanding
from bot import effects
from bot.models import ReadAgain
from bot.rasa import NluClient
from bot.reading import Glance, Reading, glance, read
from bot.scene import Disclosed, Event, Unread
from messaging import inbox
from messaging.models import Address, Conversation, InboundMessage
from oncall.cases import Disclosure
from oncall.models import Case

MOST = 50
logger = log.get(__name__)


@dataclass(frozen=True)
class Read:
    """What Rasa says of a message; no reading when its words are gone or do not open."""

    inbound_id: int
    reading: Reading | None


def all_waiting(sessions: sessionmaker[Session], nlu: NluClient, rules: Understanding) -> int:
    """Those that wait, oldest first, as long as Rasa answers. Returns how many were read. What Rasa cannot read is
    passed over, however much of it there is, and tried again another time."""
    done, last = 0, 0
    while waiting := _waiting(sessions, last):
        seen = {id_: glance(text, language) for id_, body, language in waiting if (text := inbox.opened(body))}
        nlu.ahead([(one.text, one.language.code) for one in seen.values()])
        for last, _, _ in waiting:
            looked = _ask(nlu, rules, last, seen.get(last))
            if looked is None and not nlu.available:
                return done  # still away
            if looked:
                with transaction(sessions) as session:
                    done += _note(session, looked)
    return done


def _waiting(sessions: sessionmaker[Session], after: int) -> Sequence[Row[int, bytes, str | None]]:
    """The next few: number, encrypted words, language of the conversation."""
    with sessions() as session:
        return session.execute(
            select(ReadAgain.inbound_id, inbox.CLOSED_BODY, Conversation.language)
            .outerjoin(InboundMessage, InboundMessage.id == ReadAgain.inbound_id)
            .outerjoin(Conversation, Conversation.id == InboundMessage.conversation_id)
            .where(ReadAgain.inbound_id > after)
            .order_by(ReadAgain.inbound_id)
            .limit(MOST)
        ).all()


def _ask(nlu: NluClient, rules: Understanding, id_: int, seen: Glance | None) -> Read | None:
    if seen is None:
        return Read(id_, None)
    parsed = nlu.parse(seen.text, seen.language.code)
    return Read(id_, read(seen, parsed, rules)) if parsed else None


def _note(session: Session, looked: Read) -> bool:
    """False when somebody else did it, or has the conversation at this moment: then it is looked at again."""
    row = session.execute(
        select(Conversation, Address, InboundMessage)
        .join(Address, Address.id == Conversation.address_id)
        .join(InboundMessage, InboundMessage.conversation_id == Conversation.id)
        .where(InboundMessage.id == looked.inbound_id)
        .with_for_update(of=Conversation, skip_locked=True)
    ).first()
    if row is None and looked.reading:
        return False
    if not session.execute(
        delete(ReadAgain).where(ReadAgain.inbound_id == looked.inbound_id).returning(ReadAgain.inbound_id)
    ).first():
        return False
    if row and looked.reading:
        _write(effects.Place(session, *row), looked.reading)
    return True


def _write(place: effects.Place, reading: Reading) -> None:
    place.message.reading = reading.as_json()
    events: list[Event] = []
    if reading.concern:
        told = Disclosure(reading.concern, reading.severity or "high", reading.why)
        events.append(Disclosed(told))
        logger.warning("disclosure heard when read again", message_id=place.message.id)
    elif reading.gentle:
        events.append(Unread("unclear"))
    open_case = select(Case).where(Case.conversation_id == place.conversation.id, Case.closed_at.is_(None))
    if events and not (reading.gentle and place.session.scalar(open_case)):
        effects.carry_out(place, place.conversation.language or "en", events)
