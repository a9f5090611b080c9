"""What is offered: service, the needs it meets, its cost, papers and area (HSDS 3.1 and the Dominica profile)."""

import uuid
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key, ServiceAtLocationKey, ServiceKey, Sourced, Touched

STATUSES = ("active", "inactive", "defunct", "temporarily closed")
CONFIDENTIAL = "A confidential service is never named outside the staff site; `referred_by_id` is named instead."


class Service(Sourced, Touched, Base):
    """Something a person can go to or call for. A confidential one is replaced by the office that refers to it."""

    __tablename__ = "service"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'inactive', 'defunct', 'temporarily closed')", name="status"),
        CheckConstraint("open_to_migrants IN ('yes', 'no', 'unknown')", name="open_to_migrants"),
        CheckConstraint("minimum_age >= 0 AND maximum_age >= minimum_age", name="ages"),
    )
    id: Mapped[Key]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    program_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("program.id"), index=True)
    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]
    url: Mapped[str | None]
    email: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="active")
    interpretation_services: Mapped[str | None]
    application_process: Mapped[str | None]
    fees_description: Mapped[str | None]
    accreditations: Mapped[str | None]
    eligibility_description: Mapped[str | None]
    minimum_age: Mapped[int | None] = mapped_column(SmallInteger)
    maximum_age: Mapped[int | None] = mapped_column(SmallInteger)
    audience: Mapped[str | None] = mapped_column(comment="who it is for, if not everyone: women, disability, ...")
    assured_date: Mapped[date | None]
    assurer_email: Mapped[str | None]
    alert: Mapped[str | None]
    last_modified: Mapped[datetime | None]
    open_to_migrants: Mapped[str] = mapped_column(server_default="unknown")
    national: Mapped[bool] = mapped_column(server_default=text("false"), comment="serves the whole island")
    confidential: Mapped[bool] = mapped_column(server_default=text("false"), comment=CONFIDENTIAL)
    referred_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service.id"), index=True)
    confidence: Mapped[str | None] = mapped_column(comment="what the editor thinks of the source")


class ServiceNeed(Base):
    """A need code of the taxonomy that a service meets. `rank` 0: what it is for; 1: it also helps with this.

    `part`: it answers a part of the need only (a test for HIV is not a doctor): it comes after those that answer all.
    """

    __tablename__ = "service_need"
    __table_args__ = (Index("ix_service_need_need", "need", "rank", "service_id"),)
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    need: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    part: Mapped[bool] = mapped_column(server_default=text("false"), comment="answers a part of the need only")


class CostOption(Base):
    """What a service costs."""

    __tablename__ = "cost_option"
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    option: Mapped[str | None]
    currency: Mapped[str | None]
    amount: Mapped[Decimal | None]
    amount_description: Mapped[str | None]


class RequiredDocument(Base):
    """A paper that is asked for. `migrants_only`: asked of people who are not citizens."""

    __tablename__ = "required_document"
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"), index=True)
    document: Mapped[str]
    uri: Mapped[str | None]
    migrants_only: Mapped[bool] = mapped_column(server_default=text("false"))


class ServiceArea(Base):
    """An area a service covers beyond where it stands: a parish, or a settlement of a parish, by gazetteer name."""

    __tablename__ = "service_area"
    __table_args__ = (Index("ix_service_area_parish", "parish", "service_id"),)
    id: Mapped[Key]
    service_id: Mapped[ServiceKey]
    service_at_location_id: Mapped[ServiceAtLocationKey]
    name: Mapped[str | None]
    description: Mapped[str | None]
    extent: Mapped[str | None]
    extent_type: Mapped[str | None]
    uri: Mapped[str | None]
    parish: Mapped[str | None]
    place: Mapped[str | None]


class ServiceText(Base):
    """A text of a service in another language, with who has reviewed the translation.

    `state`: draft (nobody reviewed it), reviewed, outdated (the text it translates has changed since).
    """

    __tablename__ = "service_text"
    __table_args__ = (
        UniqueConstraint("service_id", "field", "language"),
        CheckConstraint("state IN ('draft', 'reviewed', 'outdated')", name="state"),
        CheckConstraint("state <> 'reviewed' OR reviewed_by <> ''", name="reviewed_by_somebody"),
    )
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"))
    field: Mapped[str]
    language: Mapped[str]
    text: Mapped[str]
    reviewed_by: Mapped[str | None]
    reviewed_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(server_default="draft")
