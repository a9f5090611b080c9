"""The inbox: write a message down once, whoever repeats it; find the conversations that wait."""

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, LargeBinary, Select, func, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.db import keys
from base.errors import ConfigError
from messaging.inbound import Inbound
from messaging.models import Address, Contact, Conversation, InboundMessage

CLOSED_BODY = type_coerce(InboundMessage.body, LargeBinary).label("body")  # as it is stored; see `opened`
_FIND = (
    select(Conversation.id)
    .join(Address, Address.id == Conversation.address_id)
    .where(Address.channel == text(":channel"), Address.lookup == text(":lookup"))
)
_WRITE = (
    insert(InboundMessage)
    .on_conflict_do_nothing(index_elements=["provider", "external_id"])
    .returning(InboundMessage.id)
)


@dataclass(frozen=True)
class Received:
    """`message_id` is None when the same message had been written down before."""

    conversation_id: uuid.UUID
    message_id: int | None


def receive(connection: Connection | Session, inbound: Inbound) -> Received:
    """Write an inbound message into the inbox, opening a contact and a conversation for a new address.

    Idempotent on (provider, external_id). The caller commits.
    """
    conversation_id = open_conversation(connection, inbound.channel, inbound.address)
    row = connection.execute(
        _WRITE,
        {
            "provider": inbound.provider,
            "external_id": inbound.external_id,
            "conversation_id": conversation_id,
            "kind": inbound.kind,
            "body": inbound.text,
            "extra": inbound.extra or None,
        },
    ).first()
    return Received(conversation_id, row[0] if row else None)


def open_conversation(connection: Connection | Session, channel: str, address: str) -> uuid.UUID:
    """The conversation of an address, made with its contact when the address is new."""
    lookup = keys().lookup(channel, address)
    found = connection.execute(_FIND, {"channel": channel, "lookup": lookup}).first()
    return found[0] if found else _first_contact(connection, channel, address, lookup)


def _first_contact(connection: Connection | Session, channel: str, address: str, lookup: bytes) -> uuid.UUID:
    contact_id, address_id, conversation_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    values = {"id": address_id, "contact_id": contact_id, "channel": channel, "lookup": lookup, "value": address}
    new = connection.execute(
        insert(Address)
        .values(values)
        .on_conflict_do_nothing(index_elements=["channel", "lookup"])
        .returning(Address.id)
    ).first()
    if new is None:  # two first messages at once: the other one opened it, and its commit let us go on
        other: uuid.UUID = connection.execute(_FIND, {"channel": channel, "lookup": lookup}).one()[0]
        return other
    connection.execute(insert(Contact).values(id=contact_id))
    connection.execute(insert(Conversation).values(id=conversation_id, address_id=address_id))
    return conversation_id


def claim_waiting(session: Session, *, limit: int, hold: timedelta) -> Sequence[uuid.UUID]:
    """Take up to `limit` conversations with unhandled messages, oldest first, and hold them for `hold`.

    The hold only keeps two workers from doing the same reading twice; what keeps a message from being answered
    twice is the row lock and the mark in the turn's own transaction.
    """
    unclaimed = Conversation.claimed_until.is_(None) | (Conversation.claimed_until < func.now())
    window = (
        select(InboundMessage.conversation_id, InboundMessage.id)
        .join(Conversation, Conversation.id == InboundMessage.conversation_id)
        .where(InboundMessage.handled_at.is_(None), unclaimed)
        .order_by(InboundMessage.id)
        .limit(limit * 10)
        .subquery()
    )
    oldest = (
        select(window.c.conversation_id, func.min(window.c.id).label("first"))
        .group_by(window.c.conversation_id)
        .subquery()
    )
    free = (
        select(Conversation.id)
        .join(oldest, oldest.c.conversation_id == Conversation.id)
        .where(unclaimed)
        .order_by(oldest.c.first)
        .limit(limit)
        .with_for_update(of=Conversation, skip_locked=True)
    )
    ids = session.scalars(free).all()
    if ids:
        session.execute(update(Conversation).where(Conversation.id.in_(ids)).values(claimed_until=func.now() + hold))
    return ids


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
    """The unhandled messages of these conversations, in the order they came: id, conversation_id, kind, body (still
    closed, see `opened`), language spoken before, attempts."""
    return (
        select(
            InboundMessage.id,
            InboundMessage.conversation_id,
            InboundMessage.kind,
            CLOSED_BODY,
            InboundMessage.attempts,
            Conversation.language,
        )
        .join(Conversation, Conversation.id == InboundMessage.conversation_id)
        .where(InboundMessage.conversation_id.in_(conversation_ids), InboundMessage.handled_at.is_(None))
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
