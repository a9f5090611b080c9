"""Tables of the bot: what a person must read, and what was asked for (without who asked)."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base


class UnreadMessage(Base):
    """A message the bot could not answer by itself: a person reads it, answers it, and may label it."""

    __tablename__ = "unread_message"
    __table_args__ = (Index("ix_unread_message_open", "created_at", postgresql_where=text("done_at IS NULL")),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    inbound_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    done_how: Mapped[str | None] = mapped_column(comment="answered, nothing_needed, case")


class ReadAgain(Base):
    """A message that only one of the two readers has read, as Rasa was away: read again when it is back. Ids only."""

    __tablename__ = "read_again"
    inbound_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class Demand(Base):
    """One search, for the reports: codes and a date. Nothing leads back to a conversation."""

    __tablename__ = "demand"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    day: Mapped[date] = mapped_column(index=True)
    need: Mapped[str]
    parish: Mapped[str | None]
    district: Mapped[str | None] = mapped_column(comment="health district of the place asked for")
    language: Mapped[str]
    channel: Mapped[str]
    outcome: Mapped[str]
