"""How and when a service is reached: phone, schedule, language (HSDS 3.1 and the Dominica profile)."""

import uuid
from datetime import date, time

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import (
    Key,
    LocationKey,
    OrganizationKey,
    ServiceAtLocationKey,
    ServiceKey,
    SmallOrNone,
    Sourced,
    Touched,
)

NUMBER = r"^(\+[1-9][0-9]{6,14}|[0-9]{3,10})$"  # E.164, or a short or local code kept as it is dialled


class Phone(Sourced, Touched, Base):
    """A number. Sent to a texter only when a named person has verified it, never when confidential or retired."""

    __tablename__ = "phone"
    __table_args__ = (
        CheckConstraint(f"number ~ '{NUMBER}'", name="number"),
        CheckConstraint("channel IN ('voice', 'sms', 'whatsapp')", name="channel"),
        CheckConstraint("verified_on IS NULL OR verified_by <> ''", name="verified_by_somebody"),
    )
    id: Mapped[Key]
    service_id: Mapped[ServiceKey]
    organization_id: Mapped[OrganizationKey]
    location_id: Mapped[LocationKey]
    service_at_location_id: Mapped[ServiceAtLocationKey]
    contact_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("directory_contact.id"), index=True)
    number: Mapped[str]
    extension: Mapped[SmallOrNone]
    type: Mapped[str] = mapped_column(server_default="voice", comment="RFC 6350, for HSDS")
    description: Mapped[str | None]
    channel: Mapped[str] = mapped_column(server_default="voice")
    toll_free: Mapped[bool] = mapped_column(server_default=text("false"))
    confidential: Mapped[bool] = mapped_column(server_default=text("false"))
    demo: Mapped[bool] = mapped_column(server_default=text("false"), comment="counts as verified for the demo only")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    retired_on: Mapped[date | None] = mapped_column(comment="not used any more since; kept for its history")


class Schedule(Sourced, Base):
    """When something is open: one rule and one interval; several rows make a day with a lunch break.

    `opens_at` is None when a source gives the day but not the hour. `on_holidays` is a profile field.
    """

    __tablename__ = "schedule"
    __table_args__ = (
        CheckConstraint("freq IN ('WEEKLY', 'MONTHLY')", name="freq"),
        CheckConstraint("on_holidays IN ('open', 'closed', 'unknown')", name="on_holidays"),
        CheckConstraint("(opens_at IS NULL) = (closes_at IS NULL)", name="both_times"),
    )
    id: Mapped[Key]
    service_id: Mapped[ServiceKey]
    location_id: Mapped[LocationKey]
    service_at_location_id: Mapped[ServiceAtLocationKey]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    dtstart: Mapped[date | None]
    timezone: Mapped[int] = mapped_column(SmallInteger, server_default=text("-4"))
    until: Mapped[date | None]
    count: Mapped[SmallOrNone]
    wkst: Mapped[str | None]
    freq: Mapped[str] = mapped_column(server_default="WEEKLY")
    interval: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    byday: Mapped[str | None]
    byweekno: Mapped[str | None]
    bymonthday: Mapped[str | None]
    byyearday: Mapped[str | None]
    opens_at: Mapped[time | None]
    closes_at: Mapped[time | None]
    schedule_link: Mapped[str | None]
    attending_type: Mapped[str | None]
    description: Mapped[str | None]
    notes: Mapped[str | None]
    on_holidays: Mapped[str] = mapped_column(server_default="unknown")


class SpokenLanguage(Base):
    """A language that is spoken at a service (HSDS `language`)."""

    __tablename__ = "language"
    id: Mapped[Key]
    service_id: Mapped[ServiceKey]
    location_id: Mapped[LocationKey]
    name: Mapped[str | None]
    code: Mapped[str]
    note: Mapped[str | None]
