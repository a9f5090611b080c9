"""Tables of staff and the rota."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text, Uuid

from base.db import Base, EncryptedText

ROLES = ("officer", "supervisor", "editor", "analyst", "administrator")


class Staff(Base):
    """A person who works with the service. Never deleted, for events name them; `disabled_at` ends the account.

    The phone is found by `keys().lookup("staff phone", "+1767…")`, the e-mail by `lookup("staff email", lower case)`.
    """

    __tablename__ = "staff"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(EncryptedText("staff.name"))
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    phone: Mapped[str | None] = mapped_column(EncryptedText("staff.phone"))
    phone_lookup: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    phone_verified_at: Mapped[datetime | None]
    phone_tested_at: Mapped[datetime | None] = mapped_column(comment="a test page was last answered")
    email: Mapped[str | None] = mapped_column(EncryptedText("staff.email"))
    email_lookup: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    ministry_lookup: Mapped[bytes | None] = mapped_column(
        LargeBinary, unique=True, comment="keyed hash of issuer and subject of the ministry's sign-in, once bound"
    )
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{en}'"))
    page_by: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{sms}'"), comment="sms, whatsapp")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]
    roles_asked: Mapped[list[str] | None] = mapped_column(ARRAY(Text), comment="wait for a second person's yes")
    roles_asked_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    calendar_number: Mapped[int] = mapped_column(server_default="0", default=0)


class Shift(Base):
    """One person on duty at one level, once."""

    __tablename__ = "shift"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="times"),
        Index("ix_shift_when", "level", "starts_at", "ends_at"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    level: Mapped[int] = mapped_column(SmallInteger)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    cancelled_at: Mapped[datetime | None]


class Rotation(Base):
    """People who take turns at a level: each `turn_days` days, in the order of `staff_ids`, counted from `starts_at`
    in the service's time zone. `windows`: only at these hours, as "Mon-Fri 16:00-08:00, Sat-Sun 00:00-24:00"."""

    __tablename__ = "rotation"
    __table_args__ = (CheckConstraint("turn_days > 0", name="turn_days"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str]
    level: Mapped[int] = mapped_column(SmallInteger)
    staff_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    turn_days: Mapped[int] = mapped_column(SmallInteger, server_default="7")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    windows: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Override(Base):
    """For a while `staff_id` is on duty in the place of `replaces_id`. Without the one: that person is simply not on
    duty; without the other: somebody is added."""

    __tablename__ = "override"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="times"),
        CheckConstraint("staff_id IS NOT NULL OR replaces_id IS NOT NULL", name="somebody"),
        Index("ix_override_when", "level", "starts_at", "ends_at"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    level: Mapped[int] = mapped_column(SmallInteger)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    cancelled_at: Mapped[datetime | None]


class SwapRequest(Base):
    """An officer asks to do somebody else's duty for one of their own. Nothing changes until the other one or a
    supervisor says yes; then it becomes two overrides (oncall.swaps)."""

    __tablename__ = "swap_request"
    __table_args__ = (
        CheckConstraint("mine_ends_at > mine_starts_at AND theirs_ends_at > theirs_starts_at", name="times"),
        Index("ix_swap_request_open", "asked_at", postgresql_where=text("decided_at IS NULL")),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), comment="who asks")
    mine_level: Mapped[int] = mapped_column(SmallInteger)
    mine_starts_at: Mapped[datetime]
    mine_ends_at: Mapped[datetime]
    other_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"))
    theirs_level: Mapped[int] = mapped_column(SmallInteger)
    theirs_starts_at: Mapped[datetime]
    theirs_ends_at: Mapped[datetime]
    asked_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    agreed: Mapped[bool | None]
