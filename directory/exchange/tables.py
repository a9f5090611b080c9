"""Which tables are exchanged, in the order they can be inserted, and the rows of them that are public."""

import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, inspect, or_, select
from sqlalchemy.orm import Session

from base.db import Base
from directory import models as m
from directory.hsds import public

MODELS: tuple[type[Base], ...] = (
    m.Organization, m.OrganizationName, m.OrganizationIdentifier, m.Program, m.Taxonomy, m.TaxonomyTerm, m.Service,
    m.ServiceNeed, m.ServiceText, m.Funding, m.Unit, m.ServiceCapacity, m.Location, m.LocationAddress, m.Accessibility,
    m.ServiceAtLocation, m.DirectoryContact, m.Url, m.Phone, m.Schedule, m.SpokenLanguage, m.CostOption,
    m.RequiredDocument, m.ServiceArea, m.Attribute,
)  # fmt: skip
FILES = {
    "organization": "organizations", "program": "programs", "taxonomy": "taxonomies",
    "taxonomy_term": "taxonomy_terms", "service": "services", "location": "locations",
    "location_address": "addresses", "directory_contact": "contacts", "phone": "phones", "schedule": "schedules",
    "language": "languages", "cost_option": "cost_options", "required_document": "required_documents",
    "service_area": "service_areas", "attribute": "attributes", "unit": "units",
    "organization_identifier": "organization_identifiers",
}  # fmt: skip
OURS = {"created_at", "updated_at", "demo"}  # of this database or of a demonstration; never exchanged
LINKS = {"parent_organization_id", "parent_id", "referred_by_id", "program_id", "location.organization_id"}
VERIFIED = ("verified_by", "verified_on", "next_check_due")
LOOPS = {"organization": "parent_organization_id", "taxonomy_term": "parent_id", "service": "referred_by_id"}
LEFT_OUT = {"service_capacity"}  # what is counted goes in an hour: one that names what is not there is no fault
LOOSE = {"parent_organization_id", "parent_id", "taxonomy_id"}  # a part of somebody's data may name what it leaves out
_PUBLIC = {
    m.Organization: public.organization, m.Program: public.program, m.Service: public.service,
    m.Location: public.location, m.ServiceAtLocation: public.service_at_location, m.Unit: public.unit,
}  # fmt: skip

Row = dict[str, Any]
Key = tuple[Any, ...]


def file_name(model: type[Base]) -> str:
    """The table's name in the standard."""
    return f"{FILES.get(model.__tablename__, model.__tablename__)}.csv"


@cache
def columns(model: type[Base]) -> tuple[Column[Any], ...]:
    """The columns that are exchanged."""
    return tuple(column for column in inspect(model).columns if column.name not in OURS)


@cache
def primary(model: type[Base]) -> tuple[str, ...]:
    """Names of the key."""
    return tuple(column.name for column in inspect(model).primary_key)


@cache
def target(column: Column[Any]) -> str | None:
    """The table this column points at."""
    return next((key.target_fullname.partition(".")[0] for key in column.foreign_keys), None)


def rows_to_export(session: Session, *, confidential: bool = False) -> dict[type[Base], list[Row]]:
    """Every public row. A row that hangs on something confidential is left out; a mere link to it is emptied.

    `confidential`: every row there is.
    """
    if confidential:
        return {model: _rows(session, model, []) for model in MODELS}
    shown: dict[str, set[uuid.UUID]] = {}
    found: dict[type[Base], list[Row]] = {}
    for model in MODELS:
        rows = _rows(session, model, _public(model))
        shown[model.__tablename__] = {row["id"] for row in rows if "id" in row}
        found[model] = [row for row in rows if _may_leave(model, row, shown)]
        shown[model.__tablename__] = {row["id"] for row in found[model] if "id" in row}
    return found


def is_loose(model: type[Base], name: str) -> bool:
    """Whether a row stays what it is when this link of it is empty."""
    return name in LINKS or f"{model.__tablename__}.{name}" in LINKS


def public_ids(session: Session, model: type[Base], ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the ids that may be named."""
    key: Any = inspect(model).columns["id"]
    return set(session.scalars(select(key).where(key.in_(list(ids)), *_public(model))))


def hidden_ids(session: Session) -> dict[str, set[uuid.UUID]]:
    """Ids of what must not be named, by table; tables without any are left out. What is only out of use may be."""
    site = m.ServiceAtLocation
    closed = or_(
        site.service_id.in_(select(m.Service.id).where(~public.service())),
        site.location_id.in_(select(m.Location.id).where(~public.location(retired=True))),
    )
    person, service = m.DirectoryContact, select(m.Service.id).where(~public.service())
    of_them = or_(
        person.service_id.in_(service), person.service_at_location_id.in_(select(site.id).where(closed)),
        person.organization_id.in_(select(m.Organization.id).where(~public.organization())),
        person.location_id.in_(select(m.Location.id).where(~public.location(retired=True))),
    )  # fmt: skip
    hidden: dict[Any, ColumnElement[bool]] = {
        m.Organization: ~public.organization(), m.Program: ~public.program(), m.Service: ~public.service(),
        m.Location: ~public.location(retired=True), m.Unit: ~public.unit(), site: closed, person: of_them,
    }  # fmt: skip
    found = {model.__tablename__: set(session.scalars(select(model.id).where(rule))) for model, rule in hidden.items()}
    return {table: ids for table, ids in found.items() if ids}


def is_secret(model: type[Base], row: Row, before: Row | None, secret: Mapping[str, set[uuid.UUID]]) -> bool:
    """Whether a row is hidden here, or hangs on what is: as it is here, or as the file would have it."""
    if before and (before.get("confidential") or before.get("id") in secret.get(model.__tablename__, ())):
        return True
    both = (row, before or {})
    if model is m.Attribute:
        return any(one.get("link_id") in ids for ids in secret.values() for one in both)
    owners = [c for c in columns(model) if target(c) in secret and not is_loose(model, c.name)]
    return any(one.get(c.name) in secret[str(target(c))] for c in owners for one in both)


def _public(model: type[Base]) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [_PUBLIC[model]()] if model in _PUBLIC else []
    return [*where, ~m.Phone.confidential, m.Phone.retired_on.is_(None)] if model is m.Phone else where


def _rows(session: Session, model: type[Base], where: list[ColumnElement[bool]]) -> list[Row]:
    wanted = select(*columns(model)).where(*where).order_by(*inspect(model).primary_key)
    return [dict(row) for row in session.execute(wanted).mappings()]


def _may_leave(model: type[Base], row: Row, shown: dict[str, set[uuid.UUID]]) -> bool:
    for column in columns(model):
        table, value = target(column), row[column.name]
        if table is None or value is None or value in shown.get(table, ()):
            continue
        if not is_loose(model, column.name):
            return False
        row[column.name] = None
    return model is not m.Attribute or any(row["link_id"] in ids for ids in shown.values())
