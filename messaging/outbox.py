"""The outbox: queue replies with their turn, claim what is due, record what became of it.

A message is claimed in a transaction of its own before the carrier is called, so it is never sent twice on purpose.
A claim that nobody ended means: outcome unknown; it is looked up at the carrier before it is sent again.
"""

import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import (
    Connection,
    LargeBinary,
    and_,
    case,
    func,
    or_,
    select,
    text,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base import log
from base.db import keys
from base.errors import ConfigError
from messaging.models import Address, Conversation, OptEvent, OutboundMessage, Sender
from messaging.months import new_outbound_id, reply_id
from messaging.segments import segments

# Twilio's delivery states by rank: a later report never undoes a better one. A delivery outranks a failure, so that
# reports end the same in whatever order they come (carriers report out of order, and more than once).
DELIVERY_RANK = {
    "accepted": 0, "scheduled": 0, "queued": 0, "sending": 1, "sent": 2, "partially_delivered": 2, "undelivered": 3,
    "failed": 3, "canceled": 3, "delivered": 4, "read": 5,
}  # fmt: skip
FAILED = 3
DELIVERED = 4
logger = log.get(__name__)
SYNTHETIC = "synthetic"  # a channel that no person has: see koudmen.synthetic
WITHOUT_SEGMENTS = frozenset({"whatsapp", "sim_whatsapp", SYNTHETIC})


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


Row = dict[str, Any]


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
    """Put replies to one inbound message in the outbox, in order. One each for (inbound message, place in order)."""
    made = rows(conversation.id, channel, bodies, lane=lane, inbound_id=inbound_id, state=state, template=template)
    write(session, made)


def rows(
    conversation_id: uuid.UUID,
    channel: str,
    bodies: Sequence[str],
    *,
    lane: Lane,
    inbound_id: int | None = None,
    state: str = "queued",
    template: str | None = None,
) -> list[Row]:
    """The rows that `queue` would write."""
    return [
        {
            "id": reply_id(inbound_id, conversation_id, seq) if inbound_id else new_outbound_id(),
            "conversation_id": conversation_id,
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


# Always the same statement, however many rows: one with a list of values is parsed anew for each number of them.
_WRITE = text("""
INSERT INTO outbound_message (id, conversation_id, inbound_id, seq, channel, lane, body, segments, state, template)
SELECT * FROM unnest(
  cast(:ids AS uuid[]), cast(:conversations AS uuid[]), cast(:inbounds AS bigint[]), cast(:seqs AS smallint[]),
  cast(:channels AS text[]), cast(:lanes AS smallint[]), cast(:bodies AS bytea[]), cast(:segments AS smallint[]),
  cast(:states AS text[]), cast(:templates AS text[])
)
""")


def write(session: Session, replies: Sequence[Row]) -> None:
    """Put such rows in the outbox, in their order."""
    if not replies:
        return
    session.connection().execute(
        _WRITE,
        {
            "ids": [row["id"] for row in replies],
            "conversations": [row["conversation_id"] for row in replies],
            "inbounds": [row["inbound_id"] for row in replies],
            "seqs": [row["seq"] for row in replies],
            "channels": [row["channel"] for row in replies],
            "lanes": [row["lane"] for row in replies],
            "bodies": [keys().encrypt(row["body"].encode(), "outbound_message.body") for row in replies],
            "segments": [row["segments"] for row in replies],
            "states": [row["state"] for row in replies],
            "templates": [row["template"] for row in replies],
        },
    )


_WINDOW = text("""
UPDATE outbound_message AS o
SET state = CASE WHEN t.wanted THEN 'queued' ELSE 'dropped' END,
    due_at = CASE WHEN t.wanted THEN now() ELSE o.due_at END, body = CASE WHEN t.wanted THEN o.body END
FROM unnest(cast(:conversations AS uuid[]), cast(:wanted AS boolean[])) AS t (conversation, wanted)
WHERE o.conversation_id = t.conversation AND o.conversation_id = ANY (cast(:conversations AS uuid[]))
  AND o.state = 'window'
""")


def windows_opened(session: Session, wanted: Mapping[uuid.UUID, bool]) -> None:
    """These people wrote, so what waited for WhatsApp's window leaves now; what is not `wanted` any more (nobody has
    the conversation) is dropped."""
    if wanted:
        told = {"conversations": list(wanted), "wanted": list(wanted.values())}
        session.connection().execute(_WINDOW, told)


_DUE_CHANNELS = text("""
SELECT DISTINCT channel FROM outbound_message
WHERE state = 'queued' AND due_at <= now() AND lane = ANY (cast(:lanes AS smallint[]))
""")


def due_channels(connection: Connection, lanes: Sequence[Lane]) -> frozenset[str]:
    """The channels that have something to send now: asked before anything is locked."""
    rows = connection.execute(_DUE_CHANNELS, {"lanes": [int(lane) for lane in lanes]})
    return frozenset(row[0] for row in rows)


def claim_due(
    session: Session,
    channel: str,
    *,
    limit: int,
    hold: timedelta,
    rate: float,
    lanes: Sequence[Lane] = tuple(Lane),
    window: timedelta | None = None,
) -> list[Sending]:
    """Claim up to `limit` due messages of a channel, protection first, within `rate` segments a second.

    A later message to the same person waits until the earlier one has left. What cannot be sent any more fails here,
    and alone: a damaged row, or an answer later than `window` after the person's last message (WhatsApp refuses
    those). The caller commits, then sends.
    """
    allowed = _allowance(session, channel, rate)
    taken: list[Sending] = []
    spent = 0.0
    wanted = {"channel": channel, "lanes": [int(lane) for lane in lanes], "most": limit}
    for row in session.connection().execute(_DUE, wanted):
        needed = min(row.segments, _bucket(rate))  # a text longer than the bucket leaves when that is full
        if row.lane != Lane.PROTECTION and spent + needed > allowed:
            continue
        sending = as_sending(row)
        if sending is None:
            refuse(session, row.id, "damaged")
        elif window and not row.template and row.silence is not None and row.silence > window:
            refuse(session, row.id, "window over", code=63016)
        else:
            spent += row.segments
            taken.append(sending)
    if taken:
        left = max(0.0, allowed - spent)
        claim = {"ids": [one.id for one in taken], "hold": hold, "channel": channel, "left": left}
        session.connection().execute(_CLAIM, claim)
    return taken


# What a channel needs of a message and its address, still closed: a damaged one must not harm the others.
SENDABLE = (
    OutboundMessage.id,
    OutboundMessage.conversation_id,
    OutboundMessage.channel,
    OutboundMessage.lane,
    type_coerce(OutboundMessage.body, LargeBinary).label("body"),
    OutboundMessage.segments,
    OutboundMessage.attempts,
    OutboundMessage.created_at,
    OutboundMessage.template,
    type_coerce(Address.value, LargeBinary).label("address"),
    (func.now() - Conversation.last_inbound_at).label("silence"),
)


# What is due of `channel` and `lanes`, at most `most`. An earlier message to the same person goes first, also one that
# is tried again soon or whose outcome is not known; one that waits longer (a phone switched off) holds nothing up, nor
# does a less urgent one. Written out: for every round, putting it together costs more than running it.
_DUE = text("""
SELECT o.id, o.conversation_id, o.channel, o.lane, o.body, o.segments, o.attempts, o.created_at, o.template,
       a.value AS address, now() - c.last_inbound_at AS silence
FROM outbound_message AS o
JOIN conversation AS c ON c.id = o.conversation_id
JOIN address AS a ON a.id = c.address_id
WHERE o.state = 'queued' AND o.channel = :channel AND o.lane = ANY (cast(:lanes AS smallint[])) AND o.due_at <= now()
  AND NOT EXISTS (
    SELECT FROM outbound_message AS earlier
    WHERE earlier.conversation_id = o.conversation_id AND earlier.position < o.position AND earlier.lane <= o.lane
      AND (earlier.state IN ('sending', 'unknown')
           OR (earlier.state = 'queued' AND earlier.due_at <= now() + interval '1 minute')))
ORDER BY o.lane, o.position LIMIT :most
FOR UPDATE OF o SKIP LOCKED
""")
_CLAIM = text("""
WITH spent AS (
  UPDATE sender SET tokens = :left, updated_at = clock_timestamp() WHERE name = :channel
)
UPDATE outbound_message SET state = 'sending', claimed_at = now(), claim_until = now() + cast(:hold AS interval)
WHERE id = ANY (cast(:ids AS uuid[]))
""")


def as_sending(row: Any) -> Sending | None:
    """What a channel needs of a row of SENDABLE; None when it does not open."""
    try:
        address = keys().decrypt(bytes(row.address), "address.value").decode()
        body = keys().decrypt(bytes(row.body), "outbound_message.body").decode() if row.body is not None else ""
    except (ConfigError, ValueError, struct.error):
        logger.error("outbound message does not open", outbound_id=str(row.id))
        return None
    return Sending(
        row.id, row.conversation_id, row.channel, address, body, row.segments, row.attempts, row.created_at,
        row.template,
    )  # fmt: skip


def refuse(session: Session, outbound_id: uuid.UUID, reason: str, *, code: int | None = None) -> None:
    """It will never be handed over."""
    logger.warning("outbound message given up", outbound_id=str(outbound_id), reason=reason)
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.id == outbound_id)
        .values(state="failed", reason=reason, error_code=code, claim_until=None)
    )


def give_up(session: Session, after: timedelta) -> int:
    """Fail what could not leave for so long: an answer that comes half a day later helps nobody and confuses. What
    was said to somebody in danger is tried to the end of its attempts. Returns how many."""
    gone = session.execute(
        update(OutboundMessage)
        .where(
            or_(
                OutboundMessage.state == "held",
                and_(OutboundMessage.state == "queued", OutboundMessage.lane != int(Lane.PROTECTION)),
            ),
            OutboundMessage.created_at < func.now() - after,
        )
        .values(state="failed", reason=case((OutboundMessage.state == "held", "opted out"), else_="too late"))
        .returning(OutboundMessage.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(gone)


def release_held(session: Session, address_id: uuid.UUID) -> None:
    """The person wants to be written to again: what was held back for them leaves."""
    theirs = select(Conversation.id).where(Conversation.address_id == address_id)
    session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.state == "held", OutboundMessage.conversation_id.in_(theirs))
        .values(state="queued", due_at=func.now())
        .execution_options(synchronize_session=False)
    )


_TOKENS = text("""
SELECT tokens, extract(epoch FROM clock_timestamp() - updated_at) FROM sender WHERE name = :channel FOR UPDATE
""")


def _allowance(session: Session, channel: str, rate: float) -> float:
    """Segments that may leave now: a bucket of one second's worth, filled at `rate`. Locks the sender's row."""
    row = session.connection().execute(_TOKENS, {"channel": channel}).first()
    if row is None:
        first = insert(Sender).values(name=channel, tokens=_bucket(rate), updated_at=func.now())
        session.execute(first.on_conflict_do_nothing())
        row = session.connection().execute(_TOKENS, {"channel": channel}).one()
    return min(_bucket(rate), float(row[0]) + float(row[1]) * rate)


def _bucket(rate: float) -> float:
    """One second's worth, and never less than an answer of two segments."""
    return max(rate, 2.0)


_ACCEPTED = text("""
WITH took AS (
  SELECT * FROM unnest(cast(:ids AS uuid[]), cast(:sids AS text[]), cast(:statuses AS text[]), cast(:ranks AS int[]))
    AS t (id, sid, status, rank)
), locked AS (
  SELECT id FROM outbound_message WHERE id IN (SELECT id FROM took) ORDER BY id FOR UPDATE
)
UPDATE outbound_message AS o
SET state = 'accepted', external_id = took.sid, accepted_at = now(), attempts = attempts + 1, claim_until = NULL,
    delivery = CASE WHEN took.rank > o.delivery_rank THEN took.status ELSE o.delivery END,
    delivery_rank = greatest(took.rank, o.delivery_rank)
FROM took JOIN locked USING (id)
WHERE o.id = took.id
  AND (o.state IN ('sending', 'unknown') OR (o.state = 'queued' AND o.external_id IS DISTINCT FROM took.sid))
""")


def accepted(session: Session, outbound_id: uuid.UUID, external_id: str, status: str) -> None:
    """The carrier has it. A report that came before this answer is kept."""
    accepted_many(session, [(outbound_id, external_id, status)])


def accepted_many(session: Session, took: Sequence[tuple[uuid.UUID, str, str]]) -> None:
    """As `accepted`, for several (our id, the carrier's id, its status).

    Also when it was put back meanwhile (a sender that stood still past its claim): the carrier has it, so it is not
    sent again, unless that id is known already, from a try that has failed since.
    """
    values = {
        "ids": [id_ for id_, _, _ in took],
        "sids": [sid for _, sid, _ in took],
        "statuses": [status for _, _, status in took],
        "ranks": [DELIVERY_RANK.get(status, -1) for _, _, status in took],
    }
    session.connection().execute(_ACCEPTED, values)
    session.expire_all()


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
