"""Whether a row is confidential, or hangs on something that is: then only those who look after it may see it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from directory import models as m
from directory.hsds import public

_OWNERS: tuple[tuple[str, type[Any]], ...] = (
    ("service_id", m.Service),
    ("location_id", m.Location),
    ("organization_id", m.Organization),
    ("service_at_location_id", m.ServiceAtLocation),
    ("contact_id", m.DirectoryContact),
)


_RULES: dict[type[Any], Callable[[], ColumnElement[bool]]] = {  # of what hangs on nothing, but is known by a service
    m.Organization: public.organization,
    m.Program: public.program,
    m.Location: lambda: public.location(retired=True),
    m.Unit: public.unit,
}


def hidden(session: Session, row: Any) -> bool:
    """Whether this row must not be shown to those who may not see what is confidential."""
    if getattr(row, "confidential", False):
        return True
    model = type(row)
    if model in _RULES:
        return session.scalar(select(model.id).where(model.id == row.id, _RULES[model]())) is None
    return model is not m.Service and any(hidden(session, owner) for owner in owners(session, row) if owner)


def owners(session: Session, row: Any) -> list[Any]:
    """What a row hangs on; None for what is not there any more."""
    keys = [(model, getattr(row, name, None)) for name, model in _OWNERS]
    return [session.get(model, key) for model, key in keys if key and model is not type(row)]
