"""The inbox: write a message down once, whoever repeats it; find the conversations that wait."""

import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, LargeBinary, Select, func, select, text, type_coerce, update
from sqlalchemy.orm import Session

from base.db import keys
from base.errors import ConfigError
from messaging.inbound import Inbound
from messaging.models import Conversation, InboundMessage

CLOSED_BODY = type_coerce(InboundMessage.body, LargeBinary).label("body")  # as it is stored; see `opened`

_FIND = text("""
SELECT wanted.n, conversation.id
FROM unnest(cast(:channels AS text[]), cast(:lookups AS bytea[])) WITH ORDINALITY AS wanted (channel, lookup, n)
JOIN address ON address.channel = wanted.channel AND address.lookup = wanted.lookup
JOIN conversation ON conversation.address_id = address.id
""")
_NEW = text("""
WITH new AS (
  SELECT * FROM unnest(cast(:ids AS uuid[]), cast(:contacts AS uuid[]), cast(:conversations AS uuid[]),
                       cast(:channels AS text[]), cast(:lookups AS bytea[]), cast(:values AS bytea[]))
    WITH ORDINALITY AS t (id, contact_id, conversation_id, channel, lookup, value, n)
), opened AS (
  INSERT INTO address (id, contact_id, channel, lookup, value)
  SELECT id, contact_id, channel, lookup, value FROM new ORDER BY n
  ON CONFLICT (channel, lookup) DO NOTHING RETURNING id, contact_id
), people AS (
  INSERT INTO contact (id) SELECT contact_id FROM opened
), begun AS (
  INSERT INTO conversation (id, address_id) SELECT new.conversation_id, new.id FROM opened JOIN new USING (id)
)
SELECT new.n, new.conversation_id FROM opened JOIN new USING (id)
""")
_WRITE = text("""
WITH new AS (
  SELECT DISTINCT ON (provider, external_id) *
  FROM unnest(cast(:providers AS text[]), cast(:external_ids AS text[]), cast(:conversations AS uuid[]),
              cast(:kinds AS text[]), cast(:bodies AS bytea[]), cast(:extras AS bytea[]),
              cast(:times AS timestamptz[]))
       WITH ORDINALITY AS t (provider, external_id, conversation_id, kind, body, extra, received_at, n)
  ORDER BY provider, external_id, n
), fresh AS (
  INSERT INTO inbound_seen (provider, external_id) SELECT provider, external_id FROM new
  ON CONFLICT DO NOTHING RETURNING provider, external_id
)
INSERT INTO inbound_message (provider, external_id, conversation_id, kind, body, extra, received_at)
SELECT provider, external_id, conversation_id, kind, body, extra, coalesce(received_at, now())
FROM new JOIN fresh USING (provider, external_id) ORDER BY n
RETURNING id, provider, external_id
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
    """As `receive`, for many, in their order: a handful of statements however many there are."""
    messages = [arrival.inbound for arrival in arrivals]
    conversations = open_conversations(connection, [(message.channel, message.address) for message in messages])
    rows = connection.execute(
        _WRITE,
        {
            "providers": [message.provider for message in messages],
            "external_ids": [message.external_id for message in messages],
            "conversations": conversations,
            "kinds": [message.kind for message in messages],
            "bodies": [keys().encrypt(message.text.encode(), "inbound_message.body") for message in messages],
            "extras": [_extra(message) for message in messages],
            "times": [arrival.at for arrival in arrivals],
        },
    )
    new = {(row.provider, row.external_id): row.id for row in rows}
    return [
        Received(conversation, new.pop((message.provider, message.external_id), None))
        for conversation, message in zip(conversations, messages, strict=True)
    ]


def _extra(message: Inbound) -> bytes | None:
    return keys().encrypt(orjson.dumps(message.extra), "inbound_message.extra") if message.extra else None


def open_conversation(connection: Connection | Session, channel: str, address: str) -> uuid.UUID:
    """The conversation of an address, made with its contact when the address is new."""
    return open_conversations(connection, [(channel, address)])[0]


def open_conversations(connection: Connection | Session, people: Sequence[tuple[str, str]]) -> list[uuid.UUID]:
    """The conversations of (channel, address), in this order."""
    known = {person: keys().lookup(*person) for person in people}
    found = _find(connection, known)
    if missing := sorted((person for person in known if person not in found), key=lambda person: known[person]):
        found |= _first_contact(connection, missing, known)
    if others := {person: known[person] for person in missing if person not in found}:
        found |= _find(connection, others)
    return [found[person] for person in people]


Person = tuple[str, str]


def _find(connection: Connection | Session, known: Mapping[Person, bytes]) -> dict[Person, uuid.UUID]:
    people = list(known)
    rows = connection.execute(
        _FIND, {"channels": [channel for channel, _ in people], "lookups": [known[person] for person in people]}
    )
    return {people[row[0] - 1]: row[1] for row in rows}


def _first_contact(
    connection: Connection | Session, people: Sequence[Person], known: Mapping[Person, bytes]
) -> dict[Person, uuid.UUID]:
    """Contact, address and conversation of new people, sorted by look-up (one order of locks for everybody). Where
    two first messages come at once the other one opens it, and its commit lets us go on."""
    rows = connection.execute(
        _NEW,
        {
            "ids": [uuid.uuid4() for _ in people],
            "contacts": [uuid.uuid4() for _ in people],
            "conversations": [uuid.uuid4() for _ in people],
            "channels": [channel for channel, _ in people],
            "lookups": [known[person] for person in people],
            "values": [keys().encrypt(address.encode(), "address.value") for _, address in people],
        },
    )
    return {people[row[0] - 1]: row[1] for row in rows}


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


def waiting(conversation_ids: Sequence[uuid.UUID]) -> Select[int, uuid.UUID, str, bytes, int, str | None]:
    """The next unhandled messages of these conversations, at most TURNS of each, in the order they came: id,
    conversation_id, kind, body (still closed, see `opened`), language spoken before, attempts."""
    place = func.row_number().over(partition_by=InboundMessage.conversation_id, order_by=InboundMessage.id)
    numbered = (
        select(InboundMessage.id, place.label("place"))
        .where(InboundMessage.conversation_id.in_(conversation_ids), InboundMessage.handled_at.is_(None))
        .subquery()
    )
    return (
        select(
            InboundMessage.id,
            InboundMessage.conversation_id,
            InboundMessage.kind,
            CLOSED_BODY,
            InboundMessage.attempts,
            Conversation.language,
        )
        .join(numbered, numbered.c.id == InboundMessage.id)
        .join(Conversation, Conversation.id == InboundMessage.conversation_id)
        .where(numbered.c.place <= TURNS)
        .order_by(InboundMessage.id)
    )


def opened(stored: bytes | None) -> str | None:
    """The words of a stored body ("" for none); None when it does not open."""
    if stored is None:
        return ""
    try:
        return keys().decrypt(bytes(stored), "inbound_message.body").decode()
    except (ConfigError, ValueError, struct.error):
        return None
