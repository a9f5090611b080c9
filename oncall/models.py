"""Tables of cases. What was said stays in the inbox; a case holds codes, states and times."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from base.db import Base, EncryptedJSON


class Case(Base):
    """One person's disclosure and what becomes of it. `code` is what staff say and text; it tells nothing."""

    __tablename__ = "case"
    __table_args__ = (
        Index("uq_case_code_open", "code", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("uq_case_conversation_open", "conversation_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_case_open", "severity", "opened_at", postgresql_where=text("closed_at IS NULL")),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="new")
    severity: Mapped[str]
    concerns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    language: Mapped[str | None]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class CaseEvent(Base):
    """What happened in a case, append-only. One event of a kind for one message, so a replay adds nothing."""

    __tablename__ = "case_event"
    __table_args__ = (UniqueConstraint("case_id", "inbound_id", "kind"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"), index=True)
    kind: Mapped[str]
    inbound_id: Mapped[int | None] = mapped_column(ForeignKey("inbound_message.id"))
    severity: Mapped[str | None]
    concern: Mapped[str | None]
    detail: Mapped[Any | None] = mapped_column(EncryptedJSON("case_event.detail"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
