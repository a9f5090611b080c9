"""How often services and their numbers were given out: one new row each time, without who asked."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from directory.models import GivenOut

COUNTED = timedelta(days=90)  # our own rule: what was given out in the last quarter matters for what to check first


def record(session: Session, service_id: uuid.UUID, phone_ids: Sequence[uuid.UUID], *, on: date) -> None:
    """The details of a service were sent, with these numbers. Written with the caller's transaction."""
    session.add(GivenOut(day=on, service_id=service_id, phone_ids=list(phone_ids)))


def by_service(on: date) -> Select[*tuple[Any, ...]]:
    """Service id and how often it was given out until `on`."""
    days = GivenOut.day.between(on - COUNTED, on)
    return select(GivenOut.service_id, func.count().label("times")).where(days).group_by(GivenOut.service_id)


def by_phone(on: date) -> Select[*tuple[Any, ...]]:
    """Number's id and how often it was given out until `on`."""
    phone = func.unnest(GivenOut.phone_ids).label("phone_id")
    days = GivenOut.day.between(on - COUNTED, on)
    one = select(phone).where(days).subquery()
    return select(one.c.phone_id, func.count().label("times")).group_by(one.c.phone_id)
