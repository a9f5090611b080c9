"""The outbox: queue replies with their turn, claim what is due, record what became of it.

A message is claimed in a transaction of its own before the carrier is called, so it is never sent twice on purpose.
A claim that nobody ended means: outcome unknown; it is looked up at the carrier before it is sent again.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from messaging.models import Address, Conversation, OptEvent, OutboundMessage, Sender
from messaging.segments import segments

# Twilio's delivery states by rank: a later report never undoes a better one. Failure is final unless the message
# had been delivered (research: carriers report out of order, and more than once).
DELIVERY_RANK = {
    "accepted": 0, "scheduled": 0, "queued": 0, "sending": 1, "sent": 2, "partially_delivered": 2, "delivered": 3,
    "read": 4, "undelivered": 5, "failed": 5, "canceled": 5,
}  # fmt: skip
FAILED = 5
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
        }
        for seq, body in enumerate(bodies)
    ]
    if rows:
        session.execute(insert(OutboundMessage), rows)


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
        if message.lane != Lane.PROTECTION and spent + message.segments > allowed:
            continue
        spent += message.segments
        taken.append(as_sending(message, address))
    _mark_claimed(session, [s.id for s in taken], hold)
    _spend(session, channel, spent)
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
    session.execute(insert(Sender).values(name=channel, tokens=rate, updated_at=func.now()).on_conflict_do_nothing())
    row = session.execute(
        select(Sender.tokens, func.extract("epoch", func.clock_timestamp() - Sender.updated_at))
        .where(Sender.name == channel)
        .with_for_update()
    ).one()
    return min(max(rate, 2.0), float(row[0]) + float(row[1]) * rate)


def _spend(session: Session, channel: str, spent: float) -> None:
    if spent:
        session.execute(
            update(Sender)
            .where(Sender.name == channel)
            .values(tokens=func.greatest(0, Sender.tokens - spent), updated_at=func.clock_timestamp())
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
    report(session, outbound_id, status)


def again_at(attempts: int, spacing: Sequence[timedelta]) -> timedelta | None:
    """How long to wait before try number `attempts` + 1, or None when there is none."""
    return spacing[attempts - 1] if attempts <= len(spacing) else None


def retry(session: Session, outbound_id: uuid.UUID, wait: timedelta, code: int) -> None:
    """Put it back to be sent after `wait`."""
    _leave_claim(session, outbound_id, "queued", code, due_at=func.now() + wait)


def failed(session: Session, outbound_id: uuid.UUID, code: int) -> None:
    """It will not be sent."""
    _leave_claim(session, outbound_id, "failed", code)


def unknown(session: Session, outbound_id: uuid.UUID, look_after: timedelta) -> None:
    """The carrier did not answer; it is looked up after `look_after`."""
    _leave_claim(session, outbound_id, "unknown", None, due_at=func.now() + look_after)


def _leave_claim(session: Session, outbound_id: uuid.UUID, state: str, code: int | None, **values: object) -> None:
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id == outbound_id, OutboundMessage.state.in_(["sending", "unknown"]))
        .values(state=state, error_code=code, attempts=OutboundMessage.attempts + 1, claim_until=None, **values)
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

    A report also proves that the carrier has the message, so an unknown outcome is settled by it.
    """
    rank = DELIVERY_RANK.get(status)
    if rank is None:
        return False
    values: dict[str, object] = {"delivery": status, "delivery_rank": rank}
    if code:
        values["error_code"] = code
    if external_id:
        values["external_id"] = func.coalesce(OutboundMessage.external_id, external_id)
    row = session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id == outbound_id, _rises(rank))
        .values(**values)
        .returning(OutboundMessage.state)
    ).first()
    if row and row[0] == "unknown":
        session.execute(update(OutboundMessage).where(OutboundMessage.id == outbound_id).values(state="accepted"))
    return row is not None


def _rises(rank: int) -> ColumnElement[bool]:
    if rank == FAILED:
        return OutboundMessage.delivery_rank < DELIVERY_RANK["delivered"]
    return OutboundMessage.delivery_rank < rank


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
