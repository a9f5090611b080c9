"""Which tables are exchanged, in the order they can be inserted, and the rows of them that are public."""

import uuid
from typing import Any

from sqlalchemy import Column, ColumnElement, inspect, select
from sqlalchemy.orm import Session

from base.db import Base
from directory import models as m
from directory.hsds import public

MODELS: tuple[type[Base], ...] = (
    m.Organization, m.OrganizationName, m.Program, m.Taxonomy, m.TaxonomyTerm, m.Service, m.ServiceNeed, m.ServiceText,
    m.Location, m.LocationAddress, m.Accessibility, m.ServiceAtLocation, m.DirectoryContact, m.Url, m.Phone,
    m.Schedule, m.SpokenLanguage, m.CostOption, m.RequiredDocument, m.ServiceArea, m.Attribute,
)  # fmt: skip
FILES = {"location_address": "addresses", "directory_contact": "contacts"}
OURS = {"created_at", "updated_at", "demo"}  # of this database or of a demonstration; never exchanged
LINKS = {"parent_organization_id", "parent_id", "referred_by_id", "program_id", "location.organization_id"}
VERIFIED = ("verified_by", "verified_on", "next_check_due")
_PUBLIC = {
    m.Organization: public.organization, m.Program: public.program, m.Service: public.service,
    m.Location: public.location, m.ServiceAtLocation: public.service_at_location,
}  # fmt: skip

Row = dict[str, Any]


def file_name(model: type[Base]) -> str:
    """The table's name in the standard."""
    return f"{FILES.get(model.__tablename__, model.__tablename__)}.csv"


def columns(model: type[Base]) -> list[Column[Any]]:
    """The columns that are exchanged."""
    return [column for column in inspect(model).columns if column.name not in OURS]


def primary(model: type[Base]) -> list[str]:
    """Names of the key."""
    return [column.name for column in inspect(model).primary_key]


def target(column: Column[Any]) -> str | None:
    """The table this column points at."""
    return next((key.target_fullname.partition(".")[0] for key in column.foreign_keys), None)


def public_rows(session: Session) -> dict[type[Base], list[Row]]:
    """Every public row. A row that hangs on something confidential is left out; a mere link to it is emptied."""
    shown: dict[str, set[uuid.UUID]] = {}
    found: dict[type[Base], list[Row]] = {}
    for model in MODELS:
        rows = _rows(session, model)
        shown[model.__tablename__] = {row["id"] for row in rows if "id" in row}
        found[model] = [row for row in rows if _may_leave(model, row, shown)]
        shown[model.__tablename__] = {row["id"] for row in found[model] if "id" in row}
    return found


def _rows(session: Session, model: type[Base]) -> list[Row]:
    where: list[ColumnElement[bool]] = [_PUBLIC[model]()] if model in _PUBLIC else []
    if model is m.Phone:
        where += [~m.Phone.confidential, m.Phone.retired_on.is_(None)]
    entity = inspect(model)
    wanted = select(*columns(model)).where(*where).order_by(*entity.primary_key)
    return [dict(row._mapping) for row in session.execute(wanted)]


def _may_leave(model: type[Base], row: Row, shown: dict[str, set[uuid.UUID]]) -> bool:
    for column in columns(model):
        table, value = target(column), row[column.name]
        if table is None or value is None or value in shown.get(table, ()):
            continue
        if column.name not in LINKS and f"{model.__tablename__}.{column.name}" not in LINKS:
            return False
        row[column.name] = None
    return model is not m.Attribute or any(row["link_id"] in ids for ids in shown.values())
