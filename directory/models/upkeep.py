"""How the directory is kept true: history of fields (HSDS `metadata`), check tasks, and what the seed has written."""

import uuid
from datetime import date, datetime

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key


class FieldChange(Base):
    """One changed field of one row (HSDS `metadata`). `sequence` is the order in which changes were made.

    Values are text as `directory.codec` writes it. `last_action_type`: create, update, verify, retire, restore, delete
    (the whole row, as JSON of such texts).
    """

    __tablename__ = "directory_metadata"
    __table_args__ = (
        Index("ix_directory_metadata_resource", "resource_type", "resource_id", "sequence"),
        Index("ix_directory_metadata_deleted", "sequence", postgresql_where=text("last_action_type = 'delete'")),
    )
    id: Mapped[Key]
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    resource_id: Mapped[uuid.UUID]
    resource_type: Mapped[str]
    last_action_date: Mapped[datetime] = mapped_column(server_default=func.now())
    last_action_type: Mapped[str]
    field_name: Mapped[str]
    previous_value: Mapped[str | None]
    replacement_value: Mapped[str | None]
    updated_by: Mapped[str]
    reason: Mapped[str | None]


class CheckTask(Base):
    """Somebody has to look whether a service is still as the directory says. It never holds a texter's words.

    `phone_id` is the number that had been given out, where that is known.
    """

    __tablename__ = "check_task"
    __table_args__ = (
        CheckConstraint("kind IN ('number', 'closed', 'refused', 'hours', 'stale', 'other')", name="kind"),
        Index(
            "uq_check_task_open",
            "service_id",
            "kind",
            "phone_id",
            unique=True,
            postgresql_where=text("done_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_check_task_service_id", "service_id"),
        Index("ix_check_task_waiting", "first_reported_at", postgresql_where=text("done_at IS NULL")),
    )
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"))
    phone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("phone.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(server_default="number")
    reports: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    first_reported_at: Mapped[datetime]
    last_reported_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None]


class GivenOut(Base):
    """A service whose details a texter was sent, with the numbers in them. Nothing leads back to a conversation.

    One new row each time and none that is counted up: two turns never wait for each other.
    """

    __tablename__ = "given_out"
    __table_args__ = (Index("ix_given_out_service_id", "service_id", "day"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    day: Mapped[date] = mapped_column(index=True)
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"))
    phone_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))


class SeedRow(Base):
    """What the seed last wrote into a row, so that loading again leaves alone what a person has changed or removed."""

    __tablename__ = "seed_row"
    entity: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True, comment="primary key of the row, as text")
    fingerprint: Mapped[str]
