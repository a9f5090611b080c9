"""Tables of pages and alarms."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base, EncryptedText

STATES = ("queued", "sending", "sent", "failed", "cancelled")


class Page(Base):
    """One page to one person by one way. The words are made when it is sent, from `kind`, `code` and `severity`.

    `kind`: case (take it), news, late, reopened, approve, test, alarm, and those of
    oncall.notices. `due_at`: when it may be tried (again). `phone`: it goes there instead; forgotten once it is sent.
    """

    __tablename__ = "page"
    __table_args__ = (
        Index("ix_page_due", "due_at", postgresql_where=text("state = 'queued'")),
        Index("ix_page_claimed", "claim_until", postgresql_where=text("state = 'sending'")),
        Index("ix_page_staff", "staff_id", "code"),
        CheckConstraint(f"state IN {STATES}", name="state"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    position: Mapped[int] = mapped_column(BigInteger, Identity())
    case_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("case.id"), index=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"))
    channel: Mapped[str] = mapped_column(comment="sms, whatsapp, voice")
    kind: Mapped[str]
    code: Mapped[str]
    severity: Mapped[str | None]
    drill: Mapped[bool] = mapped_column(server_default=text("false"))
    level: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    round: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    state: Mapped[str] = mapped_column(server_default="queued")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    claim_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    sent_at: Mapped[datetime | None]
    external_id: Mapped[str | None]
    delivery: Mapped[str | None]
    delivery_rank: Mapped[int] = mapped_column(SmallInteger, server_default="-1")
    error_code: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(comment="take, pass, test")
    answered_at: Mapped[datetime | None]
    phone: Mapped[str | None] = mapped_column(EncryptedText("page.phone"))


class Alarm(Base):
    """Something about the watch itself that a supervisor must look at. One open alarm for a kind and subject."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index("uq_alarm_open", "kind", "subject", unique=True, postgresql_where=text("cleared_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(comment="nobody, opted_out, untested, gap, no_due, late_engine, unsent")
    subject: Mapped[str] = mapped_column(server_default="", comment="an id or a code, no words")
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    case_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("case.id"))
    raised_at: Mapped[datetime] = mapped_column(server_default=func.now())
    cleared_at: Mapped[datetime | None]
