"""The inbox: write a message down once, whoever repeats it; find the conversations that wait."""

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, LargeBinary, TextClause, func, select, text, type_coerce, update
from sqlalchemy.orm import Session

from base.db import keys
from base.errors import ConfigError
from messaging.inbound import Inbound
from messaging.models import Conversation, InboundMessage

CLOSED_BODY = type_coerce(InboundMessage.body, LargeBinary).label("body")  # as it is stored; see `opened`

_OPEN = text("""
WITH known AS (
  SELECT conversation.id FROM address JOIN conversation ON conversation.address_id = address.id
  WHERE channel = cast(:channel AS text) AND lookup = cast(:lookup AS bytea)
), opened AS (
  INSERT INTO address (id, contact_id, channel, lookup, value)
  SELECT cast(:id AS uuid), cast(:contact AS uuid), cast(:channel AS text), cast(:lookup AS bytea),
         cast(:value AS bytea)
  WHERE NOT EXISTS (SELECT FROM known)
  ON CONFLICT (channel, lookup) DO NOTHING RETURNING id, contact_id
), person AS (
  INSERT INTO contact (id) SELECT contact_id FROM opened
), begun AS (
  INSERT INTO conversation (id, address_id) SELECT cast(:conversation AS uuid), id FROM opened RETURNING id
)
SELECT id FROM known UNION ALL SELECT id FROM begun
""")
# Messages in their order, each with the ids that its sender gets if the address is new. Where somebody else opens the
# same address at this very moment there is no conversation yet, and no row comes back: see `receive_many`.
_WRITE = text("""
WITH given AS (
  SELECT * FROM unnest(cast(:providers AS text[]), cast(:external_ids AS text[]), cast(:kinds AS text[]),
                       cast(:bodies AS bytea[]), cast(:extras AS bytea[]), cast(:times AS timestamptz[]),
                       cast(:channels AS text[]), cast(:lookups AS bytea[]), cast(:values AS bytea[]),
                       cast(:ids AS uuid[]), cast(:contacts AS uuid[]), cast(:conversations AS uuid[]))
    WITH ORDINALITY AS t (provider, external_id, kind, body, extra, received_at, channel, lookup, value,
                          new_id, new_contact, new_conversation, n)
), known AS (
  SELECT given.n, conversation.id AS conversation_id
  FROM given JOIN address USING (channel, lookup) JOIN conversation ON conversation.address_id = address.id
), unknown AS (
  SELECT DISTINCT ON (lookup, channel) * FROM given WHERE n NOT IN (SELECT n FROM known) ORDER BY lookup, channel, n
), opened AS (
  INSERT INTO address (id, contact_id, channel, lookup, value)
  SELECT new_id, new_contact, channel, lookup, value FROM unknown ORDER BY lookup
  ON CONFLICT (channel, lookup) DO NOTHING RETURNING id, contact_id, channel, lookup
), people AS (
  INSERT INTO contact (id) SELECT contact_id FROM opened
), begun AS (
  INSERT INTO conversation (id, address_id)
  SELECT new_conversation, opened.id FROM opened JOIN unknown ON unknown.new_id = opened.id RETURNING id, address_id
), placed AS (
  SELECT n, conversation_id FROM known
  UNION ALL
  SELECT given.n, begun.id FROM given JOIN opened USING (channel, lookup) JOIN begun ON begun.address_id = opened.id
), new AS (
  SELECT DISTINCT ON (provider, external_id) * FROM given JOIN placed USING (n) ORDER BY provider, external_id, n
), fresh AS (
  INSERT INTO inbound_seen (provider, external_id) SELECT provider, external_id FROM new
  ON CONFLICT DO NOTHING RETURNING provider, external_id
), written AS (
  INSERT INTO inbound_message (provider, external_id, conversation_id, kind, body, extra, received_at)
  SELECT provider, external_id, conversation_id, kind, body, extra, coalesce(received_at, now())
  FROM new JOIN fresh USING (provider, external_id) ORDER BY n
  RETURNING id, provider, external_id
)
SELECT placed.n, placed.conversation_id, done.id
FROM placed LEFT JOIN (SELECT new.n, written.id FROM new JOIN written USING (provider, external_id)) AS done USING (n)
""")


@dataclass(frozen=True)
class Arrival:
    """A message to be written down; `at` is when it came when that is not now (it was spooled)."""

    inbound: Inbound
    at: datetime | None = None


@dataclass(frozen=True)
class Received:
    """`message_id` is None when the same message had been written down before."""

    conversation_id: uuid.UUID
    message_id: int | None


def receive(connection: Connection | Session, inbound: Inbound) -> Received:
    """Write an inbound message into the inbox, opening a contact and a conversation for a new address.

    Idempotent on (provider, external_id). The caller commits.
    """
    return receive_many(connection, [Arrival(inbound)])[0]


def receive_many(connection: Connection | Session, arrivals: Sequence[Arrival]) -> list[Received]:
    """As `receive`, for many, in their order: one statement however many there are. Once more for those whose address
    somebody else opened at the same moment: its commit lets us go on, and then it is known."""
    found = _write(connection, arrivals)
    if missed := [n for n in range(len(arrivals)) if n not in found]:
        again = _write(connection, [arrivals[n] for n in missed])
        found |= {missed[n]: received for n, received in again.items()}
    return [found[n] for n in range(len(arrivals))]


def _write(connection: Connection | Session, arrivals: Sequence[Arrival]) -> dict[int, Received]:
    """What was received, by its place in `arrivals`."""
    messages = [arrival.inbound for arrival in arrivals]
    rows = connection.execute(
        _WRITE,
        {
            "providers": [message.provider for message in messages],
            "external_ids": [message.external_id for message in messages],
            "kinds": [message.kind for message in messages],
            "bodies": [keys().encrypt(message.text.encode(), "inbound_message.body") for message in messages],
            "extras": [_extra(message) for message in messages],
            "times": [arrival.at for arrival in arrivals],
            "channels": [message.channel for message in messages],
            "lookups": [keys().lookup(message.channel, message.address) for message in messages],
            "values": [keys().encrypt(message.address.encode(), "address.value") for message in messages],
            "ids": [uuid.uuid4() for _ in messages],
            "contacts": [uuid.uuid4() for _ in messages],
            "conversations": [uuid.uuid4() for _ in messages],
        },
    )
    return {row[0] - 1: Received(row[1], row[2]) for row in rows}


def _extra(message: Inbound) -> bytes | None:
    return _closed(message.extra, "inbound_message.extra") if message.extra else None


def open_conversation(connection: Connection | Session, channel: str, address: str) -> uuid.UUID:
    """The conversation of an address, made with its contact when the address is new. Once more where somebody else
    opens it at the same moment, as in `receive_many`."""
    wanted = {
        "channel": channel,
        "lookup": keys().lookup(channel, address),
        "value": keys().encrypt(address.encode(), "address.value"),
        "id": uuid.uuid4(),
        "contact": uuid.uuid4(),
        "conversation": uuid.uuid4(),
    }
    found: uuid.UUID | None = connection.scalar(_OPEN, wanted)
    return found or connection.execute(_OPEN, wanted).scalar_one()


_WAITING = text("""
SELECT i.conversation_id, i.id FROM inbound_message AS i JOIN conversation AS c ON c.id = i.conversation_id
WHERE i.handled_at IS NULL AND (c.claimed_until IS NULL OR c.claimed_until < now())
  AND NOT i.conversation_id = ANY (cast(:others AS uuid[]))
ORDER BY i.id LIMIT :most
""")
_CLAIM = text("""
WITH free AS (
  SELECT id FROM conversation
  WHERE id = ANY (cast(:ids AS uuid[])) AND (claimed_until IS NULL OR claimed_until < now())
  FOR UPDATE SKIP LOCKED
)
UPDATE conversation SET claimed_until = now() + cast(:hold AS interval)
WHERE id IN (SELECT id FROM free) RETURNING id
""")
_LAZY = text("SET LOCAL synchronous_commit = off")
LOOKS = 4
TURNS = 5  # of one person in a row: who writes a thousand messages shares the line with everybody else


_ANYTHING = text("""
SELECT EXISTS (
  SELECT FROM inbound_message AS i JOIN conversation AS c ON c.id = i.conversation_id
  WHERE i.handled_at IS NULL AND (c.claimed_until IS NULL OR c.claimed_until < now())
)
""")


def anything_waits(connection: Connection) -> bool:
    """Whether there is anything for `claim_waiting`: asked before anything is locked."""
    return bool(connection.scalar(_ANYTHING))


def claim_waiting(session: Session, *, limit: int, hold: timedelta) -> Sequence[uuid.UUID]:
    """Take up to `limit` conversations with unhandled messages, oldest first, and hold them for `hold`.

    The hold only keeps two workers from doing the same reading twice; what keeps a message from being answered
    twice is the row lock and the mark in the turn's own transaction. So a power cut may take it back: its commit does
    not wait for the disk.
    """
    session.execute(_LAZY)
    wanted = _oldest(session, limit)
    if not wanted:
        return []
    taken = set(session.scalars(_CLAIM, {"ids": wanted, "hold": hold}))
    return [id_ for id_ in wanted if id_ in taken]


def _oldest(session: Session, limit: int) -> list[uuid.UUID]:
    """Who has waited longest. A person with very many messages is looked past."""
    wanted: dict[uuid.UUID, None] = {}
    for _ in range(LOOKS):
        rows = session.execute(_WAITING, {"others": list(wanted), "most": limit * 10}).all()
        wanted.update(dict.fromkeys(row.conversation_id for row in rows))
        if len(wanted) >= limit or len(rows) < limit * 10:
            break
    return list(wanted)[:limit]


def claim_these(
    session: Session, conversation_ids: Sequence[uuid.UUID], *, hold: timedelta
) -> Sequence[uuid.UUID]:  # fmt: skip
    """Those of these conversations that nobody else holds, now held."""
    free = Conversation.claimed_until.is_(None) | (Conversation.claimed_until < func.now())
    mine = select(Conversation.id).where(Conversation.id.in_(conversation_ids), free).with_for_update(skip_locked=True)
    ids = session.scalars(mine).all()
    if ids:
        session.execute(update(Conversation).where(Conversation.id.in_(ids)).values(claimed_until=func.now() + hold))
    return ids


# Written out, as in the outbox: putting it together for each batch costs more than running it.
_NEXT = text("""
SELECT i.id, i.conversation_id, i.kind, i.body, i.attempts, c.language
FROM (
  SELECT *, row_number() OVER (PARTITION BY conversation_id ORDER BY id) AS place FROM inbound_message
  WHERE conversation_id = ANY (cast(:conversations AS uuid[])) AND handled_at IS NULL
) AS i JOIN conversation AS c ON c.id = i.conversation_id
WHERE i.place <= :turns ORDER BY i.id
""")


def waiting(conversation_ids: Sequence[uuid.UUID]) -> TextClause:
    """The next unhandled messages of these conversations, at most TURNS of each, in the order they came: id,
    conversation_id, kind, body (still closed, see `opened`), attempts, language spoken before."""
    return _NEXT.bindparams(conversations=list(conversation_ids), turns=TURNS)


@dataclass(frozen=True, slots=True)
class Handled:
    """A message whose turn is done, and how its conversation stands after it. `release`: nobody holds it any more."""

    message_id: int
    conversation_id: uuid.UUID
    at: datetime
    outcome: str
    reading: Any
    state: Any
    language: str
    pace: Any
    received_at: datetime
    release: bool


# One statement for all of a batch: as many updates of mapped objects cost worker and database several times that.
_HANDLED = text("""
WITH told AS (
  SELECT * FROM unnest(
    cast(:messages AS bigint[]), cast(:conversations AS uuid[]), cast(:times AS timestamptz[]),
    cast(:outcomes AS text[]), cast(:readings AS bytea[]), cast(:states AS bytea[]), cast(:languages AS text[]),
    cast(:paces AS bytea[]), cast(:came AS timestamptz[]), cast(:released AS boolean[])
  ) AS t (message, conversation, at, outcome, reading, state, language, pace, came, released)
), talked AS (
  UPDATE conversation AS c
  SET state = told.state, language = told.language, pace = told.pace, last_inbound_at = told.came,
      claimed_until = CASE WHEN told.released THEN NULL ELSE c.claimed_until END
  FROM told WHERE c.id = told.conversation
)
UPDATE inbound_message AS i SET reading = told.reading, outcome = told.outcome, handled_at = told.at
FROM told WHERE i.id = told.message AND i.id = ANY (cast(:messages AS bigint[]))
""")


def handled(session: Session, done: Sequence[Handled]) -> None:
    """Mark messages as handled, at most one of each conversation. The caller holds their locks, and commits."""
    if not done:
        return
    session.connection().execute(
        _HANDLED,
        {
            "messages": [one.message_id for one in done],
            "conversations": [one.conversation_id for one in done],
            "times": [one.at for one in done],
            "outcomes": [one.outcome for one in done],
            "readings": [_closed(one.reading, "inbound_message.reading") for one in done],
            "states": [_closed(one.state, "conversation.state") for one in done],
            "languages": [one.language for one in done],
            "paces": [_closed(one.pace, "conversation.pace") for one in done],
            "came": [one.received_at for one in done],
            "released": [one.release for one in done],
        },
    )


def _closed(value: Any, purpose: str) -> bytes:
    return keys().encrypt(orjson.dumps(value), purpose)


def opened(stored: bytes | None) -> str | None:
    """The words of a stored body ("" for none); None when it does not open."""
    if stored is None:
        return ""
    try:
        return keys().decrypt(bytes(stored), "inbound_message.body").decode()
    except (ConfigError, ValueError, struct.error):
        return None
