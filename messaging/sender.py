"""Empties the outbox: claim, call the carrier, record. The carrier is never called inside a transaction."""

import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import looking, transaction
from base.errors import ConfigError, OutcomeUnknown, SendError
from base.settings import Outbox, Settings
from messaging import outbox
from messaging.carrier_errors import Action, rule
from messaging.channel import Accepted, Channel
from messaging.gateway import GatewayChannel
from messaging.models import Address, Conversation, OutboundMessage
from messaging.outbox import Lane, Sending
from messaging.simulator import SimulatorChannel
from messaging.twilio import TwilioChannel

LOOK_AFTER = timedelta(seconds=5)  # an unknown outcome: give the carrier's list a moment to show it
UNLIMITED = 1_000_000.0
logger = log.get(__name__)
Outcome = Accepted | SendError


@dataclass(frozen=True)
class Lines:
    """The channels that are on, with their rates in segments a second, and how long after a person's last message they
    take an answer (not named: always)."""

    channels: Mapping[str, Channel]
    rates: Mapping[str, float]
    windows: Mapping[str, timedelta] = field(default_factory=dict)


def open_lines(settings: Settings) -> Lines:
    """The channels the settings switch on."""
    channels: dict[str, Channel] = {}
    rates: dict[str, float] = {}
    if settings.twilio:
        twilio = TwilioChannel(settings.twilio, settings.public_base_url)
        channels |= {"sms": twilio, "whatsapp": twilio}
        set_rates = settings.config.channels
        rates |= {"sms": set_rates.sms.segments_per_s, "whatsapp": set_rates.whatsapp.segments_per_s}
    if settings.gateway_url and settings.gateway_secret:
        channels["gateway"] = GatewayChannel(settings.gateway_url, settings.gateway_secret)
    simulated = SimulatorChannel()
    channels |= {"sim_sms": simulated, "sim_whatsapp": simulated, outbox.SYNTHETIC: simulated}
    return Lines(channels, rates, {"whatsapp": settings.config.channels.whatsapp.window})


class Sender:
    """Sends what is due with a pool of threads, since a carrier takes its time to answer. `batch` is what a round
    claims of a channel: with a carrier that takes 0.15 s for a message, half a second's work."""

    def __init__(self, sessions: sessionmaker[Session], lines: Lines, rules: Outbox, threads: int = 20) -> None:
        self.sessions = sessions
        self.lines = lines
        self.rules = rules
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="send")
        self.batch = threads * 3

    def send_due(self, lanes: Sequence[Lane] = tuple(Lane)) -> int:
        """One round over all channels: two transactions, however many messages. Returns how many were tried."""
        with looking(self.sessions) as connection:
            due = outbox.due_channels(connection, lanes)
        if not due:
            return 0
        with transaction(self.sessions) as session:
            claimed = [one for name in self.lines.channels if name in due for one in self._claim(session, name, lanes)]
        until = _clock() + self.rules.claim.total_seconds() / 2
        if claimed:
            self._record(self._tried(claimed, until))
        return len(claimed)

    def _claim(self, session: Session, name: str, lanes: Sequence[Lane]) -> list[Sending]:
        return outbox.claim_due(
            session, name, limit=self.batch, hold=self.rules.claim, rate=self.lines.rates.get(name, UNLIMITED),
            lanes=lanes, window=self.lines.windows.get(name),
        )  # fmt: skip

    def _tried(self, claimed: Sequence[Sending], until: float) -> list[tuple[Sending, Outcome | None]]:
        """Each message with what became of it. A thread takes the next one until none is left."""
        waiting, results = deque(claimed), list[tuple[Sending, Outcome | None]]()

        def work(_: int) -> None:
            with suppress(IndexError):
                while True:
                    message = waiting.popleft()
                    results.append((message, _try(self.lines.channels[message.channel], message, until)))

        list(self.pool.map(work, range(min(self.threads, len(claimed)))))
        return results

    def _record(self, results: Sequence[tuple[Sending, Outcome | None]]) -> None:
        took = [(m.id, o.external_id, o.status) for m, o in results if isinstance(o, Accepted)]
        with transaction(self.sessions) as session:
            if took:
                outbox.accepted_many(session, took)
            for message, outcome in results:
                if outcome is None:
                    outbox.give_back(session, message.id, message.attempts)
                elif isinstance(outcome, SendError):
                    record(session, message, outcome, self.rules)

    def look_up(self, limit: int = 20) -> int:
        """Settle unknown outcomes: found at the carrier -> accepted; not there -> sent again."""
        with transaction(self.sessions) as session:
            due = _unknown(session, limit, self.rules.claim)
        for message in due:
            channel = self.lines.channels.get(message.channel)
            if channel:
                self._settle(channel, message)
        return len(due)

    def _settle(self, channel: Channel, message: Sending) -> None:
        with transaction(self.sessions) as session:
            known = _known_ids(session, message)
        try:
            found = channel.find(message, message.since, known)
        except SendError:
            return  # looked up again after the hold
        with transaction(self.sessions) as session:
            if found:
                outbox.accepted(session, message.id, found.external_id, found.status)
            else:
                outbox.retry(session, message.id, timedelta(0), 0)
        logger.info("unknown outcome settled", outbound_id=str(message.id), state="found" if found else "sent again")


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _try(channel: Channel, message: Sending, until: float) -> Outcome | None:
    """One attempt. None when it is too late to begin one: the claim could end, and the message be looked up in vain,
    while we still send it."""
    if _clock() >= until:
        return None
    try:
        return channel.send(message)
    except SendError as error:
        return error
    except Exception as error:
        # whatever it was, it may have come after the carrier took the message
        logger.error("send failed", outbound_id=str(message.id), exc_info=error)
        return OutcomeUnknown(type(error).__name__)


def record(session: Session, message: Sending, outcome: Outcome, rules: Outbox) -> None:
    """Write what became of one attempt."""
    if isinstance(outcome, Accepted):
        outbox.accepted(session, message.id, outcome.external_id, outcome.status)
    elif isinstance(outcome, OutcomeUnknown):
        outbox.unknown(session, message.id, LOOK_AFTER, tried=message.attempts)
        logger.warning("send outcome unknown", outbound_id=str(message.id), status=outcome.status)
    else:
        _refused(session, message, outcome, rules)


def _refused(session: Session, message: Sending, error: SendError, rules: Outbox) -> None:
    known = rule(error.code, error.status)
    level = logger.error if known.alarm else logger.warning
    level("send refused", outbound_id=str(message.id), code=error.code, action=known.action.value)
    if known.action is Action.OPTED_OUT:
        outbox.opted_out(session, message.id, f"carrier {error.code}")
    wait = _wait(known.action, message.attempts + 1, rules)
    if wait is None:
        outbox.failed(session, message.id, error.code, tried=message.attempts)
    else:
        outbox.retry(session, message.id, wait, error.code, tried=message.attempts)


def _wait(action: Action, tried: int, rules: Outbox) -> timedelta | None:
    if action is Action.RETRY or action is Action.STOP_SENDING:
        return outbox.again_at(tried, rules.retry)
    if action is Action.RETRY_ONCE and tried == 1:
        return rules.retry[-1] if len(rules.retry) < 3 else rules.retry[2]
    return None


def delivery_failed(session: Session, outbound_id: uuid.UUID, code: int, rules: Outbox) -> None:
    """A report says a message we handed over did not arrive: what the code's rule says, once per report."""
    seen = select(OutboundMessage.state, OutboundMessage.attempts).where(OutboundMessage.id == outbound_id)
    message = session.execute(seen.with_for_update()).first()  # not its words: they may be damaged
    if message is None or message.state != "accepted":
        return
    known = rule(code, 400)
    if known.action is Action.OPTED_OUT:
        outbox.opted_out(session, outbound_id, f"carrier {code}")
    wait = _wait(known.action, message.attempts, rules)
    values: dict[str, object] = {"state": "failed"}
    if wait is not None:  # the carrier's id stays: see outbox.report
        values = {"state": "queued", "delivery": None, "delivery_rank": -1, "due_at": func.now() + wait}
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id == outbound_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def _unknown(session: Session, limit: int, hold: timedelta) -> list[Sending]:
    rows = session.execute(
        select(*outbox.SENDABLE)
        .join(Conversation, Conversation.id == OutboundMessage.conversation_id)
        .join(Address, Address.id == Conversation.address_id)
        .where(OutboundMessage.state == "unknown", OutboundMessage.due_at <= func.now())
        .order_by(OutboundMessage.lane, OutboundMessage.position)
        .limit(limit)
        .with_for_update(of=OutboundMessage, skip_locked=True)
    ).all()
    due = []
    for row in rows:
        if sending := outbox.as_sending(row):
            due.append(sending)
        else:
            outbox.refuse(session, row.id, "damaged")
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id.in_([message.id for message in due]))
        .values(due_at=func.now() + hold)
        .execution_options(synchronize_session=False)
    )
    return due


def _known_ids(session: Session, message: Sending) -> frozenset[str]:
    """The carrier's ids of this person's messages so far: the same text may rightly have been sent before."""
    ids = session.scalars(
        select(OutboundMessage.external_id).where(
            OutboundMessage.conversation_id == message.conversation_id, OutboundMessage.external_id.is_not(None)
        )
    )
    return frozenset(i for i in ids if i)


def check_lines(settings: Settings) -> None:
    """Refuse a configuration in which nobody could be answered."""
    if settings.gateway_secret and not settings.gateway_url:
        raise ConfigError("KOUDMEN_GATEWAY_URL is missing: where answers to the gateway's messages go")
    if settings.twilio is None and not settings.simulator and not settings.gateway_url:
        raise ConfigError("no channel is on: set Twilio's keys, or 'simulator: on' in config.yml")
