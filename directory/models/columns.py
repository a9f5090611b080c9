"""Columns that many tables of the directory share."""

import uuid
from datetime import date, datetime
from typing import Annotated

from sqlalchemy import ForeignKey, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

Key = Annotated[uuid.UUID, mapped_column(primary_key=True, default=uuid.uuid4)]
Small = Annotated[int, mapped_column(SmallInteger)]
SmallOrNone = Annotated[int | None, mapped_column(SmallInteger)]
OrganizationKey = Annotated[uuid.UUID | None, mapped_column(ForeignKey("organization.id"), index=True)]
ServiceKey = Annotated[uuid.UUID | None, mapped_column(ForeignKey("service.id"), index=True)]
LocationKey = Annotated[uuid.UUID | None, mapped_column(ForeignKey("location.id"), index=True)]
ServiceAtLocationKey = Annotated[uuid.UUID | None, mapped_column(ForeignKey("service_at_location.id"), index=True)]


class Sourced:
    """Where a fact is from and who has checked it. The profile's answer to "is this still true?"."""

    source: Mapped[str | None]
    source_year: Mapped[SmallOrNone]
    source_date: Mapped[date | None]
    verified_by: Mapped[str | None]
    verified_on: Mapped[date | None]
    next_check_due: Mapped[date | None]


class Touched:
    """When a row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
