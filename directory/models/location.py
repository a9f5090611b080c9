"""Where services are: location, its postal address and access, and which service is there (HSDS 3.1)."""

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key, OrganizationKey, Sourced, Touched


class Location(Touched, Base):
    """A place a service is given at. `parish` and `place` are names of the gazetteer.

    A confidential location stays out of everything but the staff site: its service is then shown without a place.
    """

    __tablename__ = "location"
    __table_args__ = (
        CheckConstraint("location_type IN ('physical', 'postal', 'virtual')", name="location_type"),
        Index("ix_location_parish", "parish", "place"),
    )
    id: Mapped[Key]
    organization_id: Mapped[OrganizationKey]
    location_type: Mapped[str] = mapped_column(server_default="physical")
    name: Mapped[str | None]
    alternate_name: Mapped[str | None]
    description: Mapped[str | None]
    transportation: Mapped[str | None]
    url: Mapped[str | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    parish: Mapped[str | None]
    place: Mapped[str | None]
    place_confirmed: Mapped[bool] = mapped_column(server_default=text("true"))
    confidential: Mapped[bool] = mapped_column(server_default=text("false"))


class LocationAddress(Sourced, Base):
    """The address of a location (HSDS `address`; that table name belongs to messaging)."""

    __tablename__ = "location_address"
    __table_args__ = (CheckConstraint("verified_on IS NULL OR verified_by <> ''", name="verified_by_somebody"),)
    id: Mapped[Key]
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), index=True)
    attention: Mapped[str | None]
    address_1: Mapped[str]
    address_2: Mapped[str | None]
    city: Mapped[str] = mapped_column(server_default="")
    region: Mapped[str | None]
    state_province: Mapped[str] = mapped_column(server_default="", comment="the parish")
    postal_code: Mapped[str] = mapped_column(server_default="", comment="Dominica has none in use")
    country: Mapped[str] = mapped_column(server_default="DM")
    address_type: Mapped[str] = mapped_column(server_default="physical")


class Accessibility(Base):
    """How a person with a disability gets in."""

    __tablename__ = "accessibility"
    id: Mapped[Key]
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), index=True)
    description: Mapped[str | None]
    details: Mapped[str | None]
    url: Mapped[str | None]


class ServiceAtLocation(Base):
    """A service at a location. `retired_on`: it is not given there any more since; kept for its history."""

    __tablename__ = "service_at_location"
    __table_args__ = (Index("uq_service_at_location_service_id", "service_id", "location_id", unique=True),)
    id: Mapped[Key]
    service_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service.id"))
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("location.id"), index=True)
    description: Mapped[str | None]
    retired_on: Mapped[date | None]
