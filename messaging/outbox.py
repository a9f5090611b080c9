"""The outbox: queue replies with their turn, claim what is due, record what became of it.

A message is claimed in a transaction of its own before the carrier is called, so it is never sent twice on purpose.
A claim that nobody ended means: outcome unknown; it is looked up at the carrier before it is sent again.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy import Select, and_, exists, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from messaging.models import Address, Conversation, OptEvent, OutboundMessage, Sender
from messaging.segments import segments

# Twilio's delivery states by rank: a later report never undoes a better one. A delivery outranks a failure, so that
# reports end the same in whatever order they come (carriers report out of order, and more than once).
DELIVERY_RANK = {
    "accepted": 0, "scheduled": 0, "queued": 0, "sending": 1, "sent": 2, "partially_delivered": 2, "undelivered": 3,
    "failed": 3, "canceled": 3, "delivered": 4, "read": 5,
}  # fmt: skip
FAILED = 3
DELIVERED = 4
WITHOUT_SEGMENTS = frozenset({"whatsapp", "sim_whatsapp"})


class Lane(IntEnum):
    """Who goes first. Protection never waits behind replies or bulk and is exempt from the rate."""

    PROTECTION = 0
    REPLY = 1
    BULK = 2


@dataclass(frozen=True)
class Sending:
    """A claimed message, with what the channel needs to send it. Its representation shows no words and no address."""

    id: uuid.UUID
    conversation_id: uuid.UUID
    channel: str
    address: str
    body: str
    segments: int
    attempts: int
    since: datetime
    template: str | None = None

    def __repr__(self) -> str:
        return f"Sending(id={self.id}, channel={self.channel!r}, attempts={self.attempts})"


def queue(
    session: Session,
    conversation: Conversation,
    channel: str,
    bodies: Sequence[str],
    *,
    lane: Lane,
    inbound_id: int | None = None,
    state: str = "queued",
    template: str | None = None,
) -> None:
    """Put replies to one inbound message in the outbox, in order. Unique on (inbound message, place in order)."""
    rows = [
        {
            "id": uuid.uuid4(),
            "conversation_id": conversation.id,
            "inbound_id": inbound_id,
            "seq": seq,
            "channel": channel,
            "lane": int(lane),
            "body": body,
            "segments": 1 if channel in WITHOUT_SEGMENTS else segments(body),
            "state": state,
            "template": template,
        }
        for seq, body in enumerate(bodies)
    ]
    if rows:
        session.execute(insert(OutboundMessage), rows)


def window_opened(session: Session, conversation_id: uuid.UUID, *, wanted: bool) -> None:
    """The person wrote, so what waited for WhatsApp's window leaves now; not `wanted` any more (nobody has the
    conversation): it is dropped."""
    values = {"state": "queued", "due_at": func.now()} if wanted else {"state": "dropped", "body": None}
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.conversation_id == conversation_id, OutboundMessage.state == "window")
        .values(values)
        .execution_options(synchronize_session=False)
    )


def due_channels(session: Session, lanes: Sequence[Lane]) -> frozenset[str]:
    """The channels that have something to send now: asked before anything is locked."""
    due = (
        select(OutboundMessage.channel)
        .distinct()
        .where(
            OutboundMessage.state == "queued",
            OutboundMessage.due_at <= func.now(),
            OutboundMessage.lane.in_([int(lane) for lane in lanes]),
        )
    )
    return frozenset(session.scalars(due))


def claim_due(
    session: Session, channel: str, *, limit: int, hold: timedelta, rate: float, lanes: Sequence[Lane] = tuple(Lane)
) -> list[Sending]:
    """Claim up to `limit` due messages of a channel, protection first, within `rate` segments a second.

    A later message to the same person waits until the earlier one has left. The caller commits, then sends.
    """
    allowed = _allowance(session, channel, rate)
    rows = session.execute(_due(channel, lanes, limit)).all()
    taken: list[Sending] = []
    spent = 0.0
    for message, address in rows:
        needed = min(message.segments, _bucket(rate))  # a text longer than the bucket leaves when that is full
        if message.lane != Lane.PROTECTION and spent + needed > allowed:
            continue
        spent += message.segments
        taken.append(as_sending(message, address))
    _mark_claimed(session, [s.id for s in taken], hold)
    _spend(session, channel, allowed, spent)
    return taken


def _due(channel: str, lanes: Sequence[Lane], limit: int) -> Select[OutboundMessage, str]:
    earlier = aliased(OutboundMessage)
    waits = exists().where(
        earlier.conversation_id == OutboundMessage.conversation_id,
        earlier.position < OutboundMessage.position,
        or_(earlier.state == "sending", and_(earlier.state == "queued", earlier.attempts == 0)),
    )
    return (
        select(OutboundMessage, Address.value)
        .join(Conversation, Conversation.id == OutboundMessage.conversation_id)
        .join(Address, Address.id == Conversation.address_id)
        .where(
            OutboundMessage.state == "queued",
            OutboundMessage.channel == channel,
            OutboundMessage.lane.in_([int(lane) for lane in lanes]),
            OutboundMessage.due_at <= func.now(),
            ~waits,
        )
        .order_by(OutboundMessage.lane, OutboundMessage.position)
        .limit(limit)
        .with_for_update(of=OutboundMessage, skip_locked=True)
    )


def as_sending(message: OutboundMessage, address: str) -> Sending:
    """What a channel needs of a row."""
    return Sending(
        message.id,
        message.conversation_id,
        message.channel,
        address,
        message.body or "",
        message.segments,
        message.attempts,
        message.created_at,
        message.template,
    )


def _mark_claimed(session: Session, ids: Sequence[uuid.UUID], hold: timedelta) -> None:
    if ids:
        session.execute(
            update(OutboundMessage)
            .where(OutboundMessage.id.in_(ids))
            .values(state="sending", claimed_at=func.now(), claim_until=func.now() + hold)
            .execution_options(synchronize_session=False)
        )


def _allowance(session: Session, channel: str, rate: float) -> float:
    """Segments that may leave now: a bucket of one second's worth, filled at `rate`. Locks the sender's row."""
    session.execute(
        insert(Sender).values(name=channel, tokens=_bucket(rate), updated_at=func.now()).on_conflict_do_nothing()
    )
    row = session.execute(
        select(Sender.tokens, func.extract("epoch", func.clock_timestamp() - Sender.updated_at))
        .where(Sender.name == channel)
        .with_for_update()
    ).one()
    return min(_bucket(rate), float(row[0]) + float(row[1]) * rate)


def _bucket(rate: float) -> float:
    """One second's worth, and never less than an answer of two segments."""
    return max(rate, 2.0)


def _spend(session: Session, channel: str, allowed: float, spent: float) -> None:
    if spent:
        session.execute(
            update(Sender)
            .where(Sender.name == channel)
            .values(tokens=max(0.0, allowed - spent), updated_at=func.clock_timestamp())
        )


def accepted(session: Session, outbound_id: uuid.UUID, external_id: str, status: str) -> None:
    """The carrier has it. A report that came before this answer is kept."""
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id == outbound_id, OutboundMessage.state.in_(["sending", "unknown"]))
        .values(
            state="accepted",
            external_id=external_id,
            accepted_at=func.now(),
            attempts=OutboundMessage.attempts + 1,
            claim_until=None,
        )
    )
    report(session, outbound_id, status, external_id=external_id)


def again_at(attempts: int, spacing: Sequence[timedelta]) -> timedelta | None:
    """How long to wait before try number `attempts` + 1, or None when there is none."""
    return spacing[attempts - 1] if attempts <= len(spacing) else None


def retry(session: Session, outbound_id: uuid.UUID, wait: timedelta, code: int, *, tried: int | None = None) -> None:
    """Put it back to be sent after `wait`.

    Here and below: `tried` is how often it had been tried when it was claimed. With it, a sender that comes back after
    its claim has ended leaves the message alone when somebody else has it by now.
    """
    _leave_claim(session, outbound_id, "queued", tried, error_code=code, due_at=func.now() + wait)


def failed(session: Session, outbound_id: uuid.UUID, code: int, *, tried: int | None = None) -> None:
    """It will not be sent."""
    _leave_claim(session, outbound_id, "failed", tried, error_code=code)


def unknown(session: Session, outbound_id: uuid.UUID, look_after: timedelta, *, tried: int | None = None) -> None:
    """The carrier did not answer; it is looked up after `look_after`. The try counts when that has settled it."""
    same = OutboundMessage.attempts
    _leave_claim(session, outbound_id, "unknown", tried, due_at=func.now() + look_after, attempts=same)


def give_back(session: Session, outbound_id: uuid.UUID, tried: int) -> None:
    """It was claimed and nothing was done with it."""
    _leave_claim(session, outbound_id, "queued", tried, attempts=OutboundMessage.attempts)


def _leave_claim(session: Session, outbound_id: uuid.UUID, state: str, tried: int | None, **values: object) -> None:
    left = {"state": state, "error_code": None, "attempts": OutboundMessage.attempts + 1, "claim_until": None}
    mine = true() if tried is None else OutboundMessage.attempts == tried
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id == outbound_id, OutboundMessage.state.in_(["sending", "unknown"]), mine)
        .values(left | values)
    )


def expire_claims(session: Session) -> int:
    """Claims whose time is over: the sender died between asking and noting the answer. Returns how many."""
    ids = session.scalars(
        update(OutboundMessage)
        .where(OutboundMessage.state == "sending", OutboundMessage.claim_until < func.now())
        .values(state="unknown", due_at=func.now(), claim_until=None)
        .returning(OutboundMessage.id)
    ).all()
    return len(ids)


def report(
    session: Session, outbound_id: uuid.UUID, status: str, *, external_id: str | None = None, code: int = 0
) -> bool:
    """Note a delivery report. True when it was news (rank rose); a repeat or a late one changes nothing.

    A report also proves that the carrier has the message: an open outcome is settled by it, and nothing is sent
    again. Reports of an earlier try (`external_id` is that try's) count only when they tell of a delivery.
    """
    rank = DELIVERY_RANK.get(status)
    if rank is None:
        return False
    row = session.execute(
        select(OutboundMessage.state, OutboundMessage.external_id, OutboundMessage.delivery_rank)
        .where(OutboundMessage.id == outbound_id)
        .with_for_update()
    ).first()
    if row is None or rank <= row[2] or (_of_an_earlier_try(row[0], row[1], external_id) and rank < DELIVERED):
        return False
    values: dict[str, object] = {"delivery": status, "delivery_rank": rank}
    if code:
        values["error_code"] = code
    if external_id:
        values["external_id"] = external_id
    if row[0] in _OPEN:
        values |= {"attempts": OutboundMessage.attempts + 1, "claim_until": None, "accepted_at": func.now()}
    if row[0] in _OPEN or rank >= DELIVERED:
        values["state"] = "accepted"
    session.execute(update(OutboundMessage).where(OutboundMessage.id == outbound_id).values(values))
    return True


_OPEN = ("queued", "sending", "unknown")


def _of_an_earlier_try(state: str, known: str | None, external_id: str | None) -> bool:
    """A message that is being tried again keeps the id of its last try until the new one is known."""
    if not known or not external_id:
        return False
    return known == external_id if state in _OPEN else known != external_id


def opted_out(session: Session, outbound_id: uuid.UUID, source: str) -> None:
    """The carrier says the person opted out: the ledger learns it."""
    address_id = session.scalar(
        select(Conversation.address_id)
        .join(OutboundMessage, OutboundMessage.conversation_id == Conversation.id)
        .where(OutboundMessage.id == outbound_id)
    )
    changed = session.execute(
        update(Address)
        .where(Address.id == address_id, Address.opted_out_at.is_(None))
        .values(opted_out_at=func.now())
        .returning(Address.id)
    ).first()
    if changed:
        session.add(OptEvent(address_id=changed[0], action="out", source=source))
