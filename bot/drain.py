"""Works off the inbox: reads what waits, asks Rasa, and commits one turn a message.

Reading (lexicon, Rasa) happens before the transaction, for no network call is made inside one. The turn itself holds
the conversation's row lock and marks the message, so however many drains run and die, a message has one effect.
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, BigInteger, Select, Uuid, and_, bindparam, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, defer, sessionmaker

from base import log
from base.clock import now
from base.db import keys, looking, transaction
from base.errors import ConfigError
from base.settings import LANGUAGES, Settings
from bot import effects, guard, moves, pages
from bot.models import ReadAgain
from bot.officer import WINDOWED
from bot.phrases import say
from bot.rasa import NluClient
from bot.reading import Glance, Reading, glance, read
from bot.scene import Erase, Event, Facts, Turn, Unread, told_by
from bot.state import State, awake, from_json, recall
from bot.turn import turn
from directory import search
from messaging import inbox, outbox
from messaging.models import Address, Conversation, InboundMessage
from messaging.outbox import Lane
from oncall import wishes
from oncall.clocks import policy_of
from oncall.models import Case
from oncall.promise import answer_within
from oncall.sop import sops

HOLD = timedelta(seconds=15)  # a drain that died lets go of its conversations after this
PROMISING = frozenset({"disclose", "safe_yes", "safe_no"})  # replies that say when a person answers
RETRY_AFTER = timedelta(seconds=3)
logger = log.get(__name__)


@dataclass(frozen=True)
class Waiting:
    """One unhandled message with the language spoken before."""

    id: int
    conversation_id: uuid.UUID
    kind: str
    text: str | None
    previous: str | None
    attempts: int


@dataclass(frozen=True)
class Understood:
    """A message with its reading, or with the fault that kept us from one."""

    message: Waiting
    reading: Reading | None
    error: Exception | None


@dataclass(frozen=True)
class Open:
    """A turn that is decided; what the directory says is still to come. `release`: it is the conversation's last."""

    place: effects.Place
    release: bool
    heard: Reading  # of this message alone; `reading` has what was said before, too
    reading: Reading
    state: State
    message: moves.Message
    move: moves.Move


def exit_word(word: str) -> str:
    """The quick-exit word; ConfigError when it means something else to the carrier or to us."""
    if moves.is_taken(word):
        raise ConfigError(f"danger.exit_word in config.yml: '{word}' has another meaning, choose another word")
    return word.upper()


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
        exit_word=exit_word(config.danger.exit_word),
    )


def _outcome(result: Turn) -> str:
    """What became of a message, for the reports: answered, asked (once more what is meant), or unread (a person's)."""
    if any(isinstance(event, Unread) for event in result.events):
        return "unread"
    return "asked" if result.state.unclear else "answered"


def has_it(place: effects.Place) -> bool:
    """Whether a person has the conversation: the bot is silent then. It is not while nobody has the case."""
    if place.conversation.owner == "bot" or place.case is None:
        return False
    case = place.session.get_one(Case, place.case.merged_into) if place.case.merged_into else place.case
    return case.owner_id is not None and case.closed_at is None


def _opens_window(place: effects.Place, result: Turn) -> bool:
    """Whether what waited until this person writes may leave."""
    return place.address.channel in WINDOWED and not result.state.hidden and not hidden(place)


def hidden(place: effects.Place) -> bool:
    """Whether the quick-exit word was used and no harm was told of since, however long ago: whoever holds the phone
    now must not read what waited for the person."""
    return place.case is not None and wishes.of(place.session, place.case.id).hidden_at is not None


class Drain:
    """Everything a worker needs to work off the inbox."""

    def __init__(self, sessions: sessionmaker[Session], nlu: NluClient, settings: Settings, *, batch: int = 32) -> None:
        self.sessions, self.nlu, self.settings = sessions, nlu, settings
        self.facts = facts_of(settings)
        self.policy = policy_of(settings.config.oncall)
        self.rules = settings.config.understanding
        self.batch = batch
        self.protecting = False  # whether the last batch queued replies that must not wait behind others
        self.pool = ThreadPoolExecutor(4, thread_name_prefix="nlu")

    def warm(self) -> None:
        """Load what the first message would wait for: lexicon, languages, places, keywords, steps, the way to Rasa."""
        seen = glance("bonjou, I need a doctor in Roseau", None)
        read(seen, self.nlu.parse(seen.text, seen.language.code), self.rules)
        for language in LANGUAGES:
            say(language, "menu")
        sops()

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
        with looking(self.sessions) as connection:
            if not inbox.anything_waits(connection):
                return None
        with transaction(self.sessions) as session:
            ids = inbox.claim_waiting(session, limit=self.batch, hold=HOLD)
            waiting = _load(session, ids)
        return self._batch(ids, waiting) if ids else None

    def these(self, conversation_ids: Sequence[uuid.UUID]) -> int:
        """What waits of these conversations, as far as nobody else has them. Returns how many were handled."""
        with transaction(self.sessions) as session:
            ids = inbox.claim_these(session, conversation_ids, hold=HOLD)
            waiting = _load(session, ids)
        return self._batch(ids, waiting)

    def _batch(self, ids: Sequence[uuid.UUID], waiting: Sequence[Waiting]) -> int:
        self.protecting = False
        by_conversation: dict[uuid.UUID, list[Understood]] = {id_: [] for id_ in ids}
        for understood in self._understood(waiting):
            by_conversation[understood.message.conversation_id].append(understood)
        return self._all_at_once(by_conversation) + sum(self._conversation(*one) for one in by_conversation.items())

    def _all_at_once(self, by_conversation: dict[uuid.UUID, list[Understood]]) -> int:
        """The first message of each conversation, in one transaction; what is done is taken out of `by_conversation`.
        When anything at all goes wrong nothing is done, and each goes its own way."""
        first = {id_: messages[0] for id_, messages in by_conversation.items() if messages and messages[0].reading}
        try:
            with transaction(self.sessions) as session, session.no_autoflush:
                done = self._turns(session, first, {id_ for id_, said in by_conversation.items() if len(said) == 1})
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            logger.warning("turns one by one", count=len(first), exc_info=error)
            return 0
        for id_ in done:
            by_conversation[id_].pop(0)
        for id_ in [id_ for id_ in done if not by_conversation[id_]]:
            del by_conversation[id_]
        return len(done)

    def _turns(
        self, session: Session, first: Mapping[uuid.UUID, Understood], release: Set[uuid.UUID]
    ) -> list[uuid.UUID]:
        """The conversations whose message was done."""
        done, opened = [], []
        for row in _lock_all(session, {id_: understood.message for id_, understood in first.items()}):
            place, reading = effects.Place(session, *row, sought=True), first[row[0].id].reading
            if reading:
                opened += self._open(place, reading, release=place.conversation.id in release)
                done.append(place.conversation.id)
        outbox.write(session, self._answer(session, opened))
        return done

    def _understood(self, waiting: Sequence[Waiting]) -> Iterable[Understood]:
        """Both readers' findings. Rasa is asked about all in one request; where that does not do, about each."""
        looked = [_look(message) for message in waiting]
        asked = [seen for seen in looked if isinstance(seen, Glance) and seen.normal]
        together = self.nlu.ahead([(seen.text, seen.language.code) for seen in asked])
        return (map if together else self.pool.map)(self._understand, waiting, looked)

    def _understand(self, message: Waiting, seen: Glance | Exception) -> Understood:
        """Both readers' finding, or the fault of ours that kept them from one."""
        if isinstance(seen, Exception):
            return Understood(message, None, seen)
        try:
            wanted = seen.normal and message.kind != "location"
            parsed = self.nlu.parse(seen.text, seen.language.code) if wanted else None
            return Understood(message, read(seen, parsed, self.rules), None)
        except Exception as error:  # noqa: BLE001 - as in `_look`
            return Understood(message, None, error)

    def _conversation(self, conversation_id: uuid.UUID, messages: Sequence[Understood]) -> int:
        """The messages of one person, in order; after a failure the later ones wait."""
        for handled, understood in enumerate(messages):
            try:
                if understood.reading is None:
                    raise understood.error or RuntimeError
                done = self._turn(understood.message, understood.reading, release=handled + 1 == len(messages))
            except Exception as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise  # the database is away: nothing is wrong with the message
                self._failed(understood, error)
                return handled
            if not done:
                self._release(conversation_id)
                return handled
        return len(messages)

    def _turn(self, message: Waiting, reading: Reading, *, release: bool) -> bool:
        """One turn in one transaction. False when someone else has the conversation or did this message."""
        with transaction(self.sessions) as session:
            row = _lock(session, message, _ROW, _NEXT)
            if row is None:
                return False
            opened = self._open(effects.Place(session, *row, sought=True), reading, release=release)
            outbox.write(session, self._answer(session, opened))
        return True

    def _open(self, place: effects.Place, reading: Reading, *, release: bool) -> list[Open]:
        """What is to be done, decided but not answered yet; nothing when an officer's text was meant for us."""
        if pages.answered(place, self.settings):
            self.protecting = True
            if release:
                place.conversation.claimed_until = None
            return []
        inbound, state = place.message, from_json(place.conversation.state)
        state = awake(state, inbound.received_at, self.facts.idle)
        known = recall(state, reading)
        message = moves.Message(
            inbound.body or "", inbound.kind, place.address.channel, inbound.received_at, inbound.extra or {},
            opted_out=place.address.opted_out_at is not None, case_open=place.case is not None,
            exit=moves.is_word(inbound.body or "", self.facts.exit_word), staffed=has_it(place),
            silent=self._silent(place),
        )  # fmt: skip
        return [Open(place, release, reading, known, state, message, moves.decide(state, message, known))]

    def _answer(self, session: Session, opened: Sequence[Open]) -> list[outbox.Row]:
        """Write everything but the replies, which are returned. The directory is asked for all in one go."""
        demo = self.settings.rehearsing
        queries = {id(one): replace(one.move.query, demo_numbers=demo) for one in opened if one.move.query}
        answers = dict(zip(queries, search.answers(session, list(queries.values())), strict=True))
        replies: list[outbox.Row] = []
        done: list[inbox.Handled] = []
        windows: dict[uuid.UUID, bool] = {}
        for one in opened:
            answer = answers.get(id(one))
            found = answer.found if answer else self._told(session, one)
            result = self._decide(session, one, found)
            if _opens_window(one.place, result):
                windows[one.place.conversation.id] = has_it(one.place)
            said, handled = self._write(one, result)
            replies += said
            done += handled
        outbox.windows_opened(session, windows)
        inbox.handled(session, done)
        return replies

    def _decide(self, session: Session, one: Open, found: Sequence[search.Found]) -> Turn:
        facts = self.facts
        if one.move.name in PROMISING:
            facts = replace(facts, answer_within=self._answer_within(session, one.message.at))
        return turn(one.state, one.message, one.reading, one.move, found, facts)

    def _answer_within(self, session: Session, at: datetime) -> dict[str, timedelta]:
        """The honest time of an answer: looked up once for all turns of a transaction whose messages came in the same
        minute."""
        known: dict[datetime, dict[str, timedelta]] = session.info.setdefault("answer within", {})
        minute = at.replace(second=0, microsecond=0)
        if minute not in known:
            known[minute] = answer_within(session, self.policy, at)
        return known[minute]

    def _silent(self, place: effects.Place) -> bool:
        """Whether the person who has the conversation has not written for long."""
        if not has_it(place) or place.case is None:
            return False
        last = place.case.contact_at
        return last is None or place.message.received_at - last > self.facts.idle

    def _told(self, session: Session, one: Open) -> Sequence[search.Found]:
        """The services that a reply of ours named before, looked up again."""
        wanted = [one.move.about] if one.move.name == "detail" and one.move.about else []
        if one.move.name == "more":
            wanted = list(one.state.results)
        at, demo = one.message.at, self.settings.rehearsing
        told = (search.details(session, uuid.UUID(each), at=at, demo_numbers=demo) for each in wanted)
        return [found for found in told if found]

    def _write(self, one: Open, result: Turn) -> tuple[list[outbox.Row], list[inbox.Handled]]:
        """What happened, in the caller's transaction; returns the replies' rows, and the message as it is to be
        marked."""
        place, reading = one.place, one.heard
        conversation, address, inbound = place.conversation, place.address, place.message
        language = result.state.language or self.facts.default_language
        if reading.half and inbound.kind != "location":  # of a place nothing is asked, whether Rasa is there or not
            place.session.add(ReadAgain(inbound_id=inbound.id))
        pace = self._paced(place)
        handled = inbox.Handled(
            inbound.id, conversation.id, now(), _outcome(result), reading.as_json(), result.state.as_json(), language,
            pace, inbound.received_at, one.release,
        )  # fmt: skip
        marked = any(isinstance(event, Erase) for event in result.events)
        if marked:  # what is erased is what was handled, this very message too
            inbox.handled(place.session, [handled])
        was_out = address.opted_out_at is not None
        effects.carry_out(place, language, result.events)
        held = was_out and address.opted_out_at is not None and result.lane != Lane.PROTECTION
        self.protecting = self.protecting or result.lane == Lane.PROTECTION
        _log(inbound, result)
        replies = (
            () if guard.muted(pace, result.lane, guess=reading.gentle and not result.state.severity) else result.replies
        )
        rows = outbox.rows(
            conversation.id, address.channel, replies, lane=result.lane, inbound_id=inbound.id,
            state="held" if held else "queued",
        )  # fmt: skip
        return rows, [] if marked else [handled]

    def _paced(self, place: effects.Place) -> guard.Pace:
        """How fast this person writes now; a person is told when it becomes a loop or a flood."""
        inbound = place.message
        mark = keys().lookup("text", str(place.conversation.id), inbound.body or inbound.external_id).hex()[:16]
        pace = guard.step(place.conversation.pace, mark, inbound.received_at)
        if (verdict := guard.verdict(pace)) and guard.first_time(pace):
            logger.warning("replies left out", message_id=inbound.id, reason=verdict)
            effects.unread(place.session, inbound, verdict)
        return pace

    def _failed(self, understood: Understood, error: Exception) -> None:
        """Count the failure and wait a little; a message that keeps failing goes to a person."""
        message = understood.message
        logger.error("turn failed", message_id=message.id, attempts=message.attempts + 1, exc_info=error)
        with transaction(self.sessions) as session:
            session.execute(
                update(InboundMessage)
                .where(InboundMessage.id == message.id)
                .values(attempts=InboundMessage.attempts + 1)
            )
            last = message.attempts + 1 >= self.settings.config.sweeper.attempts
            if last:
                self._give_to_a_person(session, understood)
            session.execute(
                update(Conversation)
                .where(Conversation.id == message.conversation_id)
                .values(claimed_until=None if last else func.now() + RETRY_AFTER)
            )

    def _give_to_a_person(self, session: Session, understood: Understood) -> None:
        """The bot cannot: a person reads it, is told so, and a disclosure in it still opens a case."""
        row = _lock(session, understood.message, _ROW.options(*_CLOSED), _NEXT.options(*_CLOSED_MESSAGE))
        if row is None:
            return
        conversation, address, inbound, case = row
        inbound.handled_at, inbound.outcome = func.now(), "failed"
        conversation.state = conversation.pace = None  # perhaps that is what broke it; the next message begins anew
        language = conversation.language or self.facts.default_language
        told = told_by(understood.reading) if understood.reading else None
        events: list[Event] = [Unread("failed"), *([told] if told else [])]
        effects.carry_out(effects.Place(session, conversation, address, inbound, case), language, events)
        numbers = f" {say(language, 'or')} ".join(self.facts.numbers)
        words = say(language, "passed_on", numbers=numbers)
        outbox.queue(session, conversation, address.channel, [words], lane=Lane.PROTECTION, inbound_id=inbound.id)

    def _release(self, conversation_id: uuid.UUID) -> None:
        with transaction(self.sessions) as session:
            session.execute(update(Conversation).where(Conversation.id == conversation_id).values(claimed_until=None))


def _look(message: Waiting) -> Glance | Exception:
    """The first look, or what kept us from it: a text that breaks a reader must not stop the others."""
    try:
        if message.text is None:
            raise ConfigError("a body does not open")
        return glance(message.text, message.previous)
    except Exception as error:  # noqa: BLE001
        return error


def _load(session: Session, ids: Sequence[uuid.UUID]) -> list[Waiting]:
    """What waits. A body that does not open (a damaged disk, a key taken out too early) harms its own message alone."""
    if not ids:
        return []
    return [
        Waiting(row.id, row.conversation_id, row.kind, inbox.opened(row.body), row.language, row.attempts)
        for row in session.execute(inbox.waiting(ids))
    ]


_ROW = (
    select(Conversation, Address, Case)
    .join(Address, Address.id == Conversation.address_id)
    .outerjoin(Case, and_(Case.conversation_id == Conversation.id, Case.closed_at.is_(None)))
    .where(Conversation.id == bindparam("id"))
    .with_for_update(of=Conversation, skip_locked=True)
)
_ALL = (
    select(Conversation, Address, InboundMessage, Case)
    .join(Address, Address.id == Conversation.address_id)
    .join(InboundMessage, InboundMessage.conversation_id == Conversation.id)
    .outerjoin(Case, and_(Case.conversation_id == Conversation.id, Case.closed_at.is_(None)))
    .where(InboundMessage.id == func.any(bindparam("messages", type_=ARRAY(BigInteger))))
    .where(InboundMessage.handled_at.is_(None))
    .order_by(InboundMessage.id)
    .with_for_update(of=Conversation, skip_locked=True)
)
_BEFORE = (
    select(InboundMessage.conversation_id, func.min(InboundMessage.id))
    .where(InboundMessage.conversation_id == func.any(bindparam("ids", type_=ARRAY(Uuid))))
    .where(InboundMessage.handled_at.is_(None))
    .group_by(InboundMessage.conversation_id)
)
_NEXT = (
    select(InboundMessage)
    .where(InboundMessage.conversation_id == bindparam("id"), InboundMessage.handled_at.is_(None))
    .order_by(InboundMessage.id)
    .limit(1)
)
# Columns that are left closed when a message is given to a person: one of them may be what broke it.
_CLOSED = (defer(Conversation.state), defer(Conversation.pace), defer(Address.value))
_CLOSED_MESSAGE = (defer(InboundMessage.body), defer(InboundMessage.extra), defer(InboundMessage.reading))
Locked = tuple[Conversation, Address, InboundMessage, Case | None]


def _lock(
    session: Session,
    message: Waiting,
    row: "Select[Conversation, Address, Case]",
    following: "Select[InboundMessage]",
) -> Locked | None:
    """The conversation locked, if this message is the next of it that waits."""
    found = session.execute(row, {"id": message.conversation_id}).first()
    if found is None:
        return None
    inbound = session.scalar(following, {"id": message.conversation_id})
    if inbound is None or inbound.id != message.id:
        return None
    return found[0], found[1], inbound, found[2]


def _lock_all(session: Session, wanted: Mapping[uuid.UUID, Waiting]) -> list[Locked]:
    """As `_lock`, for many: the conversations that are free and whose next message that waits is the one wanted.

    What waits is read in a second statement, when the locks are held: what another drain did is seen by then.
    """
    rows = session.execute(_ALL, {"messages": [message.id for message in wanted.values()]}).all()
    following = {row[0]: row[1] for row in session.execute(_BEFORE, {"ids": [row[0].id for row in rows]})}
    return [(row[0], row[1], row[2], row[3]) for row in rows if following.get(row[0].id) == row[2].id]


def _log(inbound: InboundMessage, result: Turn) -> None:
    age = (now() - inbound.received_at).total_seconds()
    logger.info("turn", message_id=inbound.id, count=len(result.replies), seconds=round(age, 3))
