"""Reads again what only the lexicon has read: while Rasa is away, harm that no phrase knows is heard by nobody, or too
mildly.

When Rasa is back it is asked about each such message. What it hears then opens a case, which is paged like any other,
or puts the message before a person. Nothing is sent to the texter: it may be late, and somebody else may hold the
phone; an officer writes. May run in several processes at once, and anywhere be interrupted.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import transaction
from base.settings import Understanding
from bot import effects, state
from bot.models import ReadAgain
from bot.rasa import NluClient
from bot.reading import Glance, Reading, glance, read
from bot.scene import Event, Hidden, Unread, told_by
from messaging import inbox
from messaging.models import Address, Conversation, InboundMessage
from oncall import cases
from oncall.models import Case

MOST = 50
LONGEST_S = 10  # of one look: other chores wait meanwhile
logger = log.get(__name__)


@dataclass(frozen=True)
class Read:
    """What Rasa says of a message; no reading when its words are gone or do not open."""

    inbound_id: int
    reading: Reading | None


class Reader:
    """Reads what waits, oldest first, and remembers how far it has come: what Rasa cannot read, however much of it
    there is, is passed over and tried again when the end was reached."""

    def __init__(self, sessions: sessionmaker[Session], nlu: NluClient, rules: Understanding) -> None:
        self.sessions, self.nlu, self.rules = sessions, nlu, rules
        self.after = 0

    def look(self) -> int:
        """As long as Rasa answers, for LONGEST_S at most. Returns how many were read."""
        done, until = 0, time.monotonic() + LONGEST_S
        while self.nlu.available and time.monotonic() < until:
            waiting = _waiting(self.sessions, self.after)
            if not waiting:
                self.after = 0
                break
            done += self._these(waiting)
        return done

    def _these(self, waiting: Sequence[Row[int, bytes, str | None]]) -> int:
        seen = {id_: glance(text, language) for id_, body, language in waiting if (text := inbox.opened(body))}
        self.nlu.ahead([(one.text, one.language.code) for one in seen.values()])
        done = 0
        for self.after, _, _ in waiting:
            looked = _ask(self.nlu, self.rules, self.after, seen.get(self.after))
            if looked:
                with transaction(self.sessions) as session:
                    done += _note(session, looked)
            elif not self.nlu.available:
                break  # away again
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
        place = effects.Place(session, *row)
        if _words_are_there(place):
            _write(place, looked.reading)
    return True


def _words_are_there(place: effects.Place) -> bool:
    """Whether they were not erased while Rasa was asked. Asked after the lock, which who erases holds as well."""
    mine = InboundMessage.id == place.message.id
    return place.session.scalar(select(InboundMessage.body.is_not(None)).where(mine)) is True


def _write(place: effects.Place, reading: Reading) -> None:
    """Keep the reading, unless the first heard harm and this one does not, and carry out what follows: nothing where an
    officer has closed a case since, with this message before them; and no doubt beside an open case, whose officer
    reads it anyway."""
    before, after = place.message.reading or {}, reading.as_json()
    if reading.concern or not before.get("concern"):
        place.message.reading = after
    if _closed_since(place):
        return
    events: list[Event] = []
    if told := told_by(reading):
        events.append(told)
        if state.from_json(place.conversation.state).hidden:  # told before the quick-exit word, which still counts
            events.append(Hidden())
        if before.get("severity") != after["severity"]:
            logger.warning("disclosure heard when read again", message_id=place.message.id)
    elif reading.gentle and not cases.open_case(place.session, place.conversation.id):
        events.append(Unread("unclear"))
    effects.carry_out(place, place.conversation.language or "en", events)


def _closed_since(place: effects.Place) -> bool:
    mine = (Case.conversation_id == place.conversation.id, Case.closed_at > place.message.received_at)
    return place.session.scalar(select(Case.id).where(*mine).limit(1)) is not None
