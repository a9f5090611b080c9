"""Whether a row is confidential, or hangs on something that is: then only those who look after it may see it."""

from typing import Any

from sqlalchemy import select
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


def hidden(session: Session, row: Any) -> bool:
    """Whether this row must not be shown to those who may not see what is confidential."""
    if getattr(row, "confidential", False):
        return True
    if isinstance(row, m.Organization):
        return (
            session.scalar(select(m.Organization.id).where(m.Organization.id == row.id, public.organization())) is None
        )
    if isinstance(row, m.Location):
        return (
            session.scalar(select(m.Location.id).where(m.Location.id == row.id, public.location(retired=True))) is None
        )
    if isinstance(row, m.Program):
        return session.scalar(select(m.Program.id).where(m.Program.id == row.id, public.program())) is None
    if isinstance(row, m.Unit):
        return session.scalar(select(m.Unit.id).where(m.Unit.id == row.id, public.unit())) is None
    for name, model in _OWNERS:
        key = getattr(row, name, None)
        owner = session.get(model, key) if key and model is not type(row) else None
        if owner is not None and not (isinstance(row, m.Service)) and hidden(session, owner):
            return True
    return False
