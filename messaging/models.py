"""Tables of contacts, conversations, inbox, outbox and the opt-out ledger.

Words and addresses are encrypted columns. What stays readable (times, states, channel, lane) is what queues
and clocks need; docs/privacy.md lists it.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, SmallInteger, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base, EncryptedJSON, EncryptedText
from messaging.months import new_outbound_id


class Contact(Base):
    """A person, as far as we know: one or more addresses that are known to be theirs."""

    __tablename__ = "contact"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Address(Base):
    """An address on a channel: a phone number on SMS, a number or a business-scoped id on WhatsApp."""

    __tablename__ = "address"
    __table_args__ = (UniqueConstraint("channel", "lookup"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("contact.id", deferrable=True, initially="DEFERRED"), index=True
    )
    channel: Mapped[str]
    lookup: Mapped[bytes] = mapped_column(LargeBinary)
    value: Mapped[str] = mapped_column(EncryptedText("address.value"))
    opted_out_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Conversation(Base):
    """What is being said with one address. `state` is the bot's memory, `pace` how fast they write; both encrypted."""

    __tablename__ = "conversation"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    address_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("address.id"), unique=True)
    state: Mapped[Any | None] = mapped_column(EncryptedJSON("conversation.state"))
    pace: Mapped[Any | None] = mapped_column(EncryptedJSON("conversation.pace"))
    language: Mapped[str | None]
    owner: Mapped[str] = mapped_column(server_default="bot")
    last_inbound_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InboundSeen(Base):
    """What carriers have brought, by their ids: a repeat is known by it. Apart from the messages, which lie in a table
    for each month, and kept for some weeks only: nobody brings an older one again."""

    __tablename__ = "inbound_seen"
    provider: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class InboundMessage(Base):
    """The inbox. A row is written before the carrier gets its answer, and marked when its turn is committed. Its id
    tells the month (messaging/months.py); tables refer to it without a foreign key, so that a month can be dropped."""

    __tablename__ = "inbound_message"
    __table_args__: Any = (
        Index("ix_inbound_message_waiting", "conversation_id", "id", postgresql_where=text("handled_at IS NULL")),
        Index("ix_inbound_message_waiting_order", "id", postgresql_where=text("handled_at IS NULL")),
        Index("ix_inbound_message_conversation_id", "conversation_id", "id"),
        {"postgresql_partition_by": "RANGE (id)"},
    )
    id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, server_default=text("nextval('inbound_message_id_seq')")
    )
    provider: Mapped[str]
    external_id: Mapped[str]
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    kind: Mapped[str]
    body: Mapped[str | None] = mapped_column(EncryptedText("inbound_message.body"))
    extra: Mapped[Any | None] = mapped_column(EncryptedJSON("inbound_message.extra"))
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    reading: Mapped[Any | None] = mapped_column(EncryptedJSON("inbound_message.reading"))


class OutboundMessage(Base):
    """The outbox. `state` is what we did with it; `delivery` is what the carrier said since, by rising rank; `reason`
    says why we gave up where no carrier's code does: damaged, too late, window over, opted out. The id of a reply is
    made from its message's and `seq`, so that there is one only (messaging/months.py)."""

    __tablename__ = "outbound_message"
    __table_args__: Any = (
        Index("ix_outbound_message_inbound_id", "inbound_id", "seq"),
        Index("ix_outbound_message_due", "channel", "lane", "position", postgresql_where=text("state = 'queued'")),
        Index(
            "ix_outbound_message_open",
            "conversation_id",
            "position",
            postgresql_where=text("state IN ('queued', 'sending', 'unknown')"),
        ),
        Index("ix_outbound_message_held", "conversation_id", postgresql_where=text("state = 'held'")),
        Index("ix_outbound_message_claimed", "claim_until", postgresql_where=text("state = 'sending'")),
        Index("ix_outbound_message_unknown", "due_at", postgresql_where=text("state = 'unknown'")),
        Index("ix_outbound_message_conversation_id", "conversation_id", "position"),
        {"postgresql_partition_by": "RANGE (id)"},
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_outbound_id)
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('outbound_message_position_seq')"))
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    inbound_id: Mapped[int | None] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    channel: Mapped[str]
    lane: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[str | None] = mapped_column(EncryptedText("outbound_message.body"))
    template: Mapped[str | None] = mapped_column(comment="WhatsApp's approved template of these words")
    segments: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(server_default="queued")
    delivery: Mapped[str | None]
    delivery_rank: Mapped[int] = mapped_column(SmallInteger, server_default="-1")
    external_id: Mapped[str | None] = mapped_column(index=True)
    error_code: Mapped[int | None]
    reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_at: Mapped[datetime | None]
    claim_until: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]


class OptEvent(Base):
    """The opt-out ledger: every time somebody asked to be left alone, or to be written to again."""

    __tablename__ = "opt_event"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    address_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("address.id"), index=True)
    action: Mapped[str]
    source: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class Sender(Base):
    """The allowance of one of our senders: `tokens` segments may leave at `updated_at`."""

    __tablename__ = "sender"
    name: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float]
    updated_at: Mapped[datetime]
