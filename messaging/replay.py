"""Messages that did not leave, and sending one again by hand: only where the carrier surely has nothing, and where a
late text harms nobody.

Never: an outcome that is not known (it is looked up at the carrier by itself; a click could send it twice), one the
carrier took (it has an id), one to somebody who asked to be left alone, one whose words are gone, what was said to
somebody in danger (an officer writes, at a safe time), and an answer that the talk has left behind.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import Session

from messaging.models import Address, Conversation, InboundMessage, OutboundMessage
from messaging.outbox import SYNTHETIC, Lane

STATES = ("failed", "unknown", "held")
LATEST = timedelta(hours=2)  # an answer older than this is not sent again by a click
SHOWN_FOR = timedelta(days=7)


@dataclass(frozen=True)
class Stuck:
    """A message that did not leave: codes and times, no words and no address. `safe`: it may be sent again."""

    id: uuid.UUID
    channel: str
    lane: str
    state: str
    reason: str
    attempts: int
    created_at: datetime
    safe: bool


def _safe(now: datetime) -> Any:
    """Whether the carrier surely has nothing of it, and it still helps: see above."""
    since = exists().where(
        InboundMessage.conversation_id == OutboundMessage.conversation_id,
        InboundMessage.received_at > OutboundMessage.created_at,
    )
    out = exists().where(
        Conversation.id == OutboundMessage.conversation_id, Address.id == Conversation.address_id,
        Address.opted_out_at.is_not(None),
    )  # fmt: skip
    return and_(
        OutboundMessage.state == "failed",
        OutboundMessage.external_id.is_(None),
        OutboundMessage.delivery.is_(None),
        OutboundMessage.reason.is_(None),
        OutboundMessage.lane != int(Lane.PROTECTION),
        OutboundMessage.body.is_not(None),
        OutboundMessage.created_at > now - LATEST,
        ~since,
        ~out,
    )


def stuck(session: Session, now: datetime, *, most: int = 100) -> Sequence[Stuck]:
    """What failed, is unknown or held in the last days, the newest first."""
    rows = session.execute(
        select(
            OutboundMessage.id, OutboundMessage.channel, OutboundMessage.lane, OutboundMessage.state,
            OutboundMessage.reason, OutboundMessage.error_code, OutboundMessage.attempts, OutboundMessage.created_at,
            _safe(now).label("safe"),
        )
        .where(OutboundMessage.state.in_(STATES), OutboundMessage.channel != SYNTHETIC)
        .where(OutboundMessage.created_at > now - SHOWN_FOR)
        .order_by(OutboundMessage.position.desc())
        .limit(most)
    ).all()  # fmt: skip
    return [
        Stuck(
            row.id, row.channel, Lane(row.lane).name.lower(), row.state,
            row.reason or (f"carrier's code {row.error_code}" if row.error_code else ""), row.attempts, row.created_at,
            row.safe,
        )
        for row in rows
    ]  # fmt: skip


def again(session: Session, outbound_id: uuid.UUID, now: datetime) -> bool:
    """Put it back to be sent now; False when that is not safe (any more). Two clicks send it once."""
    mine = update(OutboundMessage).where(OutboundMessage.id == outbound_id, _safe(now))
    values = {"state": "queued", "due_at": func.now(), "error_code": None}
    done = mine.values(values).returning(OutboundMessage.id).execution_options(synchronize_session=False)
    return session.execute(done).first() is not None


@dataclass(frozen=True)
class Depth:
    """How many messages of a lane wait, and since when the oldest (those that are tried again later included)."""

    channel: str
    lane: str
    state: str
    count: int
    oldest: datetime


def depths(session: Session) -> Sequence[Depth]:
    """What waits in the outbox, by channel, lane and state, the most urgent lane first."""
    waiting = ("queued", "sending", "unknown", "held", "window")
    rows = session.execute(
        select(
            OutboundMessage.channel, OutboundMessage.lane, OutboundMessage.state, func.count(),
            func.min(OutboundMessage.created_at),
        )
        .where(OutboundMessage.state.in_(waiting))
        .group_by(OutboundMessage.channel, OutboundMessage.lane, OutboundMessage.state)
        .order_by(OutboundMessage.lane, OutboundMessage.channel, OutboundMessage.state)
    ).all()  # fmt: skip
    return [Depth(channel, Lane(lane).name.lower(), state, count, at) for channel, lane, state, count, at in rows]
