"""Tables of cases. What was said stays in the inbox; a case holds codes, states and times."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from base.db import Base, EncryptedJSON, EncryptedText

STATES = ("new", "paged", "acknowledged", "engaged", "closed", "merged")
OUTCOMES = ("resolved", "referred", "police", "unreachable", "no_concern", "drill")
CLOCKS = ("page_due_at", "reply_due_at", "contact_due_at", "close_due_at", "news_at")


class Case(Base):
    """One person's disclosure and what becomes of it. `code` is what staff say and text; it tells nothing.

    Each clock is a column; `due_at` is the earliest of them, kept by the database, and an open case without one is
    refused by the database. A merged case stays open with the case it was merged into (and is closed with it), so
    that what its person writes still reaches somebody.
    """

    __tablename__ = "case"
    __table_args__ = (
        Index("ix_case_code", "code"),
        Index("uq_case_code_open", "code", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("uq_case_conversation_open", "conversation_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_case_open", "severity", "opened_at", postgresql_where=text("closed_at IS NULL")),
        Index("ix_case_due", "due_at", postgresql_where=text("closed_at IS NULL")),
        Index("ix_case_closed", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("closed_at IS NOT NULL OR state = 'merged' OR due_at IS NOT NULL", name="open_has_due"),
        CheckConstraint("(merged_into IS NOT NULL) = (state = 'merged')", name="merged"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="new")
    severity: Mapped[str]
    concerns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    language: Mapped[str | None]
    drill: Mapped[bool] = mapped_column(server_default=text("false"))
    scenario: Mapped[str | None] = mapped_column(comment="of a drill")
    merged_into: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("case.id"), index=True)
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    policy: Mapped[Any | None] = mapped_column(JSONB, comment="the rules as they were when the engine first saw it")
    level: Mapped[int] = mapped_column(SmallInteger, server_default="0", comment="paged last; 0: nobody yet")
    next_level: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    round: Mapped[int] = mapped_column(SmallInteger, server_default="0", comment="how often somebody was paged")
    late: Mapped[int] = mapped_column(SmallInteger, server_default="0", comment="reminders since the last contact")
    news: Mapped[str | None] = mapped_column(comment="what the owner has to be told: message, raised")

    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    paged_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    engaged_at: Mapped[datetime | None] = mapped_column(comment="first human reply")
    contact_at: Mapped[datetime | None] = mapped_column(comment="last time a person wrote or called")
    told_at: Mapped[datetime | None] = mapped_column(comment="the owner was last told of news")
    closed_at: Mapped[datetime | None]

    page_due_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    reply_due_at: Mapped[datetime | None]
    contact_due_at: Mapped[datetime | None]
    close_due_at: Mapped[datetime | None]
    news_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(Computed(f"LEAST({', '.join(CLOCKS)})", persisted=True))

    outcome: Mapped[str | None]
    closing_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"), comment="who asked to close it")
    approved_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))


class CaseEvent(Base):
    """What happened in a case, append-only. One event of a kind for one message, so a replay adds nothing.
    `staff_id` is who did it; none: the service itself."""

    __tablename__ = "case_event"
    __table_args__ = (UniqueConstraint("case_id", "inbound_id", "kind"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"), index=True)
    kind: Mapped[str]
    inbound_id: Mapped[int | None] = mapped_column(BigInteger)
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    level: Mapped[int | None] = mapped_column(SmallInteger)
    severity: Mapped[str | None]
    concern: Mapped[str | None]
    detail: Mapped[Any | None] = mapped_column(EncryptedJSON("case_event.detail"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class CaseViewer(Base):
    """Who has a case before them. `viewed_at`: the look that was logged; `seen_at`: they last did something there;
    `writing_at`: they last typed a reply."""

    __tablename__ = "case_viewer"
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"), primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    viewed_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    writing_at: Mapped[datetime | None]


class Consent(Base):
    """What a person agreed to, for one purpose, in words of one version. Withdrawn: `withdrawn_at`."""

    __tablename__ = "consent"
    __table_args__ = (CheckConstraint("purpose IN ('contact', 'share', 'service', 'statistics')", name="purpose"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"), index=True)
    purpose: Mapped[str]
    wording: Mapped[str] = mapped_column(comment="version of the words that were agreed to")
    language: Mapped[str | None]
    given_by: Mapped[str] = mapped_column(server_default="self", comment="self or caregiver")
    service_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), comment="share: with whom")
    inbound_id: Mapped[int | None] = mapped_column(BigInteger, comment="the message that said so")
    recorded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Referral(Base):
    """A person sent on to a service. The database refuses one without consent or a reason for the override."""

    __tablename__ = "referral"
    __table_args__ = (
        CheckConstraint("state IN ('created', 'accepted', 'refused', 'done', 'revoked')", name="state"),
        CheckConstraint("consent_id IS NOT NULL OR override_reason IS NOT NULL", name="consent"),
        CheckConstraint(
            "override_reason IN ('child_in_danger', 'imminent_harm', 'legal_duty')", name="override_reason"
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"), index=True)
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="created")
    consent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("consent.id"))
    override_reason: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(EncryptedText("referral.note"))
    created_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
