"""Works off the inbox: reads what waits, asks Rasa, and commits one turn a message.

Reading (lexicon, Rasa) happens before the transaction, for no network call is made inside one. The turn itself holds
the conversation's row lock and marks the message, so however many drains run and die, a message has one effect.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.clock import now
from base.db import transaction
from base.settings import LANGUAGES, Settings
from bot import effects, moves
from bot.phrases import say
from bot.rasa import NluClient, Parsed
from bot.reading import Glance, Reading, glance, read
from bot.scene import Disclosed, Event, Facts, Turn, Unread
from bot.state import awake, from_json
from bot.turn import turn
from directory import search
from messaging import inbox, outbox
from messaging.models import Address, Conversation, InboundMessage
from messaging.outbox import Lane
from oncall.cases import Disclosure

HOLD = timedelta(seconds=15)  # a drain that died lets go of its conversations after this
logger = log.get(__name__)


@dataclass(frozen=True)
class Waiting:
    """One unhandled message with the language spoken before."""

    id: int
    conversation_id: uuid.UUID
    kind: str
    text: str
    previous: str | None
    attempts: int


def facts_of(settings: Settings) -> Facts:
    """What a reply may say, from the settings."""
    config = settings.config
    return Facts(
        name=config.service.name,
        numbers=settings.emergency_numbers(),
        hours=config.conversation.human_hours,
        default_language=config.service.default_language,
        results=config.conversation.results,
        max_segments=config.conversation.max_segments,
        ask_again=config.conversation.ask_again,
        idle=config.conversation.idle,
        notice=config.duty_to_report.notice,
    )


class Drain:
    """Everything a worker needs to work off the inbox."""

    def __init__(self, sessions: sessionmaker[Session], nlu: NluClient, settings: Settings, *, batch: int = 16) -> None:
        self.sessions, self.nlu, self.settings = sessions, nlu, settings
        self.facts = facts_of(settings)
        self.rules = settings.config.understanding
        self.batch = batch
        self.pool = ThreadPoolExecutor(4, thread_name_prefix="nlu")

    def warm(self) -> None:
        """Load what the first message would wait for: lexicon, languages, places, keywords, the way to Rasa."""
        seen = glance("bonjou, I need a doctor in Roseau", None)
        read(seen, self.nlu.parse(seen.text, seen.language.code), self.rules)
        for language in LANGUAGES:
            say(language, "menu")

    def run(self, *, seconds: float) -> int:
        """Handle what waits for at most `seconds`. Returns how many messages were handled."""
        until, handled = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            done = self.once()
            if done is None:
                break
            handled += done
        return handled

    def once(self) -> int | None:
        """One batch of conversations; None when nothing waits that nobody else holds."""
        with transaction(self.sessions) as session:
            ids = inbox.claim_waiting(session, limit=self.batch, hold=HOLD)
            waiting = _load(session, ids)
        if not ids:
            return None
        by_conversation: dict[uuid.UUID, list[tuple[Waiting, Glance, Parsed | None]]] = defaultdict(list)
        for message, seen, parsed in self.pool.map(self._read, waiting):
            by_conversation[message.conversation_id].append((message, seen, parsed))
        return sum(self._conversation(id_, by_conversation.get(id_, [])) for id_ in ids)

    def _read(self, message: Waiting) -> tuple[Waiting, Glance, Parsed | None]:
        seen = glance(message.text, message.previous)
        wanted = seen.normal and message.kind != "location"
        return message, seen, self.nlu.parse(seen.text, seen.language.code) if wanted else None

    def _conversation(
        self, conversation_id: uuid.UUID, messages: Sequence[tuple[Waiting, Glance, Parsed | None]]
    ) -> int:
        """The messages of one person, in order; after a failure the later ones wait."""
        handled = 0
        for message, seen, parsed in messages:
            reading = read(seen, parsed, self.rules)
            last = handled + 1 == len(messages)
            try:
                done = self._turn(message, reading, release=last)
            except Exception as error:  # noqa: BLE001 - a poison message must not stop the others
                self._failed(message, reading, error)
                break
            if not done:
                break
            handled += 1
        else:
            return handled
        self._release(conversation_id)
        return handled

    def _turn(self, message: Waiting, reading: Reading, *, release: bool) -> bool:
        """One turn in one transaction. False when someone else has the conversation or did this message."""
        with transaction(self.sessions) as session:
            row = _lock(session, message)
            if row is None:
                return False
            conversation, address, inbound = row
            result = self._decide(session, conversation, address, inbound, reading)
            self._write(session, conversation, address, inbound, reading, result)
            if release:
                conversation.claimed_until = None
        return True

    def _decide(
        self, session: Session, conversation: Conversation, address: Address, inbound: InboundMessage, reading: Reading
    ) -> Turn:
        state = awake(from_json(conversation.state), inbound.received_at, self.facts.idle)
        message = moves.Message(
            inbound.body or "", inbound.kind, address.channel, inbound.received_at, inbound.extra or {},
            address.opted_out_at is not None,
        )  # fmt: skip
        move = moves.decide(state, message, reading)
        found = self._found(session, state.results, move, inbound)
        return turn(state, message, reading, move, found, self.facts)

    def _found(
        self, session: Session, results: Sequence[str], move: moves.Move, inbound: InboundMessage
    ) -> Sequence[search.Found]:
        demo = self.settings.rehearsing
        if move.query:
            return search.find(session, replace(move.query, demo_numbers=demo))
        wanted = [move.about] if move.name == "detail" and move.about else []
        if move.name == "more":
            wanted = list(results)
        told = (search.details(session, uuid.UUID(one), at=inbound.received_at, demo_numbers=demo) for one in wanted)
        return [found for found in told if found]

    def _write(
        self,
        session: Session,
        conversation: Conversation,
        address: Address,
        inbound: InboundMessage,
        reading: Reading,
        result: Turn,
    ) -> None:
        """State, events, replies and the inbox mark: all in the caller's transaction."""
        language = result.state.language or self.facts.default_language
        conversation.state, conversation.language = result.state.as_json(), language
        conversation.last_inbound_at = inbound.received_at
        inbound.reading, inbound.outcome = reading.as_json(), "answered"
        inbound.handled_at = func.now()
        was_out = address.opted_out_at is not None
        effects.carry_out(effects.Place(session, conversation, address, inbound, language), result.events)
        held = was_out and address.opted_out_at is not None and result.lane != Lane.PROTECTION
        outbox.queue(
            session, conversation, address.channel, result.replies, lane=result.lane, inbound_id=inbound.id,
            state="held" if held else "queued",
        )  # fmt: skip
        _log(inbound, result)

    def _failed(self, message: Waiting, reading: Reading, error: Exception) -> None:
        """Count the failure; a message that keeps failing goes to a person, and a disclosure in it opens a case."""
        logger.error("turn failed", message_id=message.id, attempts=message.attempts + 1, exc_info=error)
        with transaction(self.sessions) as session:
            session.execute(
                update(InboundMessage)
                .where(InboundMessage.id == message.id)
                .values(attempts=InboundMessage.attempts + 1)
            )
            if message.attempts + 1 >= self.settings.config.sweeper.attempts:
                self._give_to_a_person(session, message, reading)

    def _give_to_a_person(self, session: Session, message: Waiting, reading: Reading) -> None:
        row = _lock(session, message)
        if row is None:
            return
        conversation, address, inbound = row
        inbound.handled_at, inbound.outcome = func.now(), "failed"
        language = conversation.language or self.facts.default_language
        events: list[Event] = [Unread("failed"), *([Disclosed(_told(reading))] if reading.concern else [])]
        effects.carry_out(effects.Place(session, conversation, address, inbound, language), events)
        scene_words = _passed_on(self.facts, language)
        outbox.queue(session, conversation, address.channel, [scene_words], lane=Lane.PROTECTION, inbound_id=inbound.id)

    def _release(self, conversation_id: uuid.UUID) -> None:
        with transaction(self.sessions) as session:
            session.execute(update(Conversation).where(Conversation.id == conversation_id).values(claimed_until=None))


def _load(session: Session, ids: Sequence[uuid.UUID]) -> list[Waiting]:
    if not ids:
        return []
    spoken = select(Conversation.id, Conversation.language).where(Conversation.id.in_(ids))
    languages: dict[uuid.UUID, str | None] = {row[0]: row[1] for row in session.execute(spoken)}
    return [
        Waiting(m.id, m.conversation_id, m.kind, m.body or "", languages.get(m.conversation_id), m.attempts)
        for m in inbox.waiting_messages(session, ids)
    ]


def _lock(session: Session, message: Waiting) -> tuple[Conversation, Address, InboundMessage] | None:
    """The conversation locked, if this message is the next of it that waits."""
    row = session.execute(
        select(Conversation, Address)
        .join(Address, Address.id == Conversation.address_id)
        .where(Conversation.id == message.conversation_id)
        .with_for_update(of=Conversation, skip_locked=True)
    ).first()
    if row is None:
        return None
    inbound = session.scalar(
        select(InboundMessage)
        .where(InboundMessage.conversation_id == message.conversation_id, InboundMessage.handled_at.is_(None))
        .order_by(InboundMessage.id)
        .limit(1)
    )
    if inbound is None or inbound.id != message.id:
        return None
    return row[0], row[1], inbound


def _told(reading: Reading) -> Disclosure:
    return Disclosure(reading.concern or "danger", reading.severity or "high", reading.why)


def _passed_on(facts: Facts, language: str) -> str:
    return say(language, "passed_on", numbers=f" {say(language, 'or')} ".join(facts.numbers))


def _log(inbound: InboundMessage, result: Turn) -> None:
    age = (now() - inbound.received_at).total_seconds()
    logger.info("turn", message_id=inbound.id, count=len(result.replies), seconds=round(age, 3))
