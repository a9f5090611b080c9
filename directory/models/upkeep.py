"""How the directory is kept true: history of fields (HSDS `metadata`), check tasks, and what the seed has written."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key


class FieldChange(Base):
    """One changed field of one row (HSDS `metadata`)."""

    __tablename__ = "directory_metadata"
    __table_args__ = (Index("ix_directory_metadata_resource", "resource_type", "resource_id", "last_action_date"),)
    id: Mapped[Key]
    resource_id: Mapped[uuid.UUID]
    resource_type: Mapped[str]
    last_action_date: Mapped[datetime] = mapped_column(server_default=func.now())
    last_action_type: Mapped[str]
    field_name: Mapped[str]
    previous_value: Mapped[str | None]
    replacement_value: Mapped[str | None]
    updated_by: Mapped[str]


class CheckTask(Base):
    """Somebody has to look whether a service is still as the directory says. It never holds a texter's words."""

    __tablename__ = "check_task"
    __table_args__ = (
        CheckConstraint("kind IN ('number', 'closed', 'refused', 'hours', 'stale', 'other')", name="kind"),
        Index("uq_check_task_open", "service_id", "kind", unique=True, postgresql_where=text("done_at IS NULL")),
        Index("ix_check_task_service_id", "service_id"),
        Index("ix_check_task_waiting", "first_reported_at", postgresql_where=text("done_at IS NULL")),
    )
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"))
    kind: Mapped[str] = mapped_column(server_default="number")
    reports: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    first_reported_at: Mapped[datetime]
    last_reported_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None]


class SeedRow(Base):
    """What the seed last wrote into a row, so that loading again leaves alone what a person has changed or removed."""

    __tablename__ = "seed_row"
    entity: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True, comment="primary key of the row, as text")
    fingerprint: Mapped[str]
