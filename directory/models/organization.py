"""Who offers services: organization, its programmes, links and contacts (HSDS 3.1)."""

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key, LocationKey, OrganizationKey, ServiceAtLocationKey, ServiceKey, Touched


class Organization(Touched, Base):
    """An office, ministry, society or clinic. Its name holds between two dates: ministries are renamed."""

    __tablename__ = "organization"
    id: Mapped[Key]
    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str | None]
    website: Mapped[str | None]
    year_incorporated: Mapped[int | None] = mapped_column(SmallInteger)
    legal_status: Mapped[str | None]
    logo: Mapped[str | None]
    uri: Mapped[str | None]
    parent_organization_id: Mapped[OrganizationKey]
    name_valid_from: Mapped[date | None]
    name_valid_to: Mapped[date | None]


class OrganizationName(Base):
    """A name an organization had before, between two dates."""

    __tablename__ = "organization_name"
    id: Mapped[Key]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]


class Program(Base):
    """A programme several services belong to."""

    __tablename__ = "program"
    id: Mapped[Key]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str]
    alternate_name: Mapped[str | None]
    description: Mapped[str] = mapped_column(server_default="")


class Url(Base):
    """A further web address of an organization or service."""

    __tablename__ = "url"
    __table_args__ = (CheckConstraint("num_nonnulls(organization_id, service_id) = 1", name="one_owner"),)
    id: Mapped[Key]
    label: Mapped[str | None]
    url: Mapped[str]
    organization_id: Mapped[OrganizationKey]
    service_id: Mapped[ServiceKey]


class OrganizationIdentifier(Base):
    """What a register knows an organization by: its number as a company or a society."""

    __tablename__ = "organization_identifier"
    id: Mapped[Key]
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id"), index=True)
    identifier_scheme: Mapped[str | None]
    identifier_type: Mapped[str]
    identifier: Mapped[str]


class Funding(Base):
    """Who pays for an organization or a service; of both when the standard's tables say both."""

    __tablename__ = "funding"
    __table_args__ = (CheckConstraint("num_nonnulls(organization_id, service_id) > 0", name="of_somebody"),)
    id: Mapped[Key]
    organization_id: Mapped[OrganizationKey]
    service_id: Mapped[ServiceKey]
    source: Mapped[str | None]


class DirectoryContact(Base):
    """A named person at a service (HSDS `contact`). Not a texter: those are in messaging's `contact`."""

    __tablename__ = "directory_contact"
    id: Mapped[Key]
    organization_id: Mapped[OrganizationKey]
    service_id: Mapped[ServiceKey]
    service_at_location_id: Mapped[ServiceAtLocationKey]
    location_id: Mapped[LocationKey]
    name: Mapped[str | None]
    title: Mapped[str | None]
    department: Mapped[str | None]
    email: Mapped[str | None]
