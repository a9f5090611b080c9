"""How much of something a service has left, in which unit (HSDS 3.1). The bot tells none of it: beds go in an hour."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key


class Unit(Base):
    """What a capacity is counted in: beds, places, hours."""

    __tablename__ = "unit"
    id: Mapped[Key]
    name: Mapped[str]
    scheme: Mapped[str | None]
    identifier: Mapped[str | None]
    uri: Mapped[str | None]


class ServiceCapacity(Base):
    """How many were free when somebody last counted: `updated` says when that was."""

    __tablename__ = "service_capacity"
    __table_args__ = (CheckConstraint("available >= 0 AND coalesce(maximum, 0) >= 0", name="not_below_nothing"),)
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), index=True)
    available: Mapped[Decimal]
    maximum: Mapped[Decimal | None]
    description: Mapped[str | None]
    updated: Mapped[datetime]
