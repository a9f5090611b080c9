"""Which objects a list request is about: ids by the filters, in a lasting order, a page at a time."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from directory import models as m
from directory.hsds import public, terms
from directory.hsds.fields import plain, written

Values = Mapping[str, Any]


def service_ids(values: Values) -> Select[Any]:
    """Public services, by id, with when they changed."""
    changed: Any = m.Service.updated_at
    found = select(m.Service.id, changed).where(public.service(), *_service_filters(values))
    return _since(found, values).order_by(m.Service.id)


def service_at_location_ids(values: Values) -> Select[Any]:
    """Public services at public locations, by id."""
    found = select(m.ServiceAtLocation.id).join(m.Service, m.Service.id == m.ServiceAtLocation.service_id)
    found = found.where(public.service_at_location(), *_service_filters(values))
    return _since(found, values).order_by(m.ServiceAtLocation.id)


def organization_ids(values: Values) -> Select[Any]:
    """Public organizations, by id; with a term: those with a public service that has it."""
    found = select(m.Organization.id).where(public.organization())
    if "search" in values:
        found = found.where(_says(values["search"], m.Organization.name, m.Organization.alternate_name))
    if {"taxonomy_term_id", "taxonomy_id"} & set(values):
        named = public.service(), *_term_filters(values)
        found = found.where(exists().where(m.Service.organization_id == m.Organization.id, *named))
    return found.order_by(m.Organization.id)


def page(session: Session, ids: Select[Any], start: int, size: int) -> tuple[int, list[uuid.UUID]]:
    """How many there are, and the ids from index `start`, at most `size`."""
    total = session.scalar(select(func.count()).select_from(ids.order_by(None).subquery())) or 0
    return total, list(session.scalars(ids.offset(start).limit(size)))


def minimal(session: Session, ids: Select[Any]) -> list[dict[str, Any]]:
    """Id and date of change of every service."""
    return [{"id": str(key), "modified_date": written(changed)} for key, changed in session.execute(ids)]


def taxonomies(session: Session, values: Values) -> list[dict[str, Any]]:
    """All taxonomies: our needs first, then Open Eligibility."""
    rows = [terms.taxonomy(), terms.eligibility(), *session.scalars(select(m.Taxonomy).order_by(m.Taxonomy.id))]
    return [one for one in (plain("taxonomy", row) for row in rows) if _has(one, values)]


def taxonomy_terms(session: Session, values: Values) -> list[dict[str, Any]]:
    """All terms, each with its taxonomy."""
    known = {one["id"]: one for one in taxonomies(session, {})}
    own = (*terms.terms().values(), *terms.eligibility_terms().values())
    rows = [*own, *session.scalars(select(m.TaxonomyTerm).order_by(m.TaxonomyTerm.id))]
    found = (plain("taxonomy_term", row) for row in rows if _fits(row, values))
    nested = (one | {"taxonomy_detail": known[one["taxonomy_id"]]} if one.get("taxonomy_id") else one for one in found)
    return [one for one in nested if _has(one, values)]


def _fits(row: Any, values: Values) -> bool:
    if "taxonomy_id" in values and row.taxonomy_id != values["taxonomy_id"]:
        return False
    if "parent_id" in values and row.parent_id != values["parent_id"]:
        return False
    return not values.get("top_only") or row.parent_id is None


def _has(one: dict[str, Any], values: Values) -> bool:
    text = values.get("search", "").lower()
    return text in one["name"].lower() or text in one.get("description", "").lower()


def _service_filters(values: Values) -> list[ColumnElement[bool]]:
    """Each filter that was given. The parish is that of any place it may be told to be at, or that it serves."""
    found = _term_filters(values)
    if "search" in values:
        found.append(_says(values["search"], m.Service.name, m.Service.alternate_name, m.Service.description))
    if "organization_id" in values:
        found.append(m.Service.organization_id == values["organization_id"])
    if "need" in values:
        found.append(_meets(m.ServiceNeed.need == values["need"]))
    if "parish" in values:
        found.append(_in_parish(values["parish"]))
    if "language" in values:
        found.append(_speaks(values["language"]))
    if "open_to_migrants" in values:
        found.append(m.Service.open_to_migrants == values["open_to_migrants"])
    return found


def _term_filters(values: Values) -> list[ColumnElement[bool]]:
    found = []
    if "taxonomy_term_id" in values:
        need = terms.need_by_term().get(values["taxonomy_term_id"])
        tagged = _tagged(m.Attribute.taxonomy_term_id == values["taxonomy_term_id"])
        found.append(_meets(m.ServiceNeed.need == need) if need else tagged)
    if values.get("taxonomy_id") in {terms.taxonomy().id, terms.eligibility().id}:
        found.append(_meets(m.ServiceNeed.need.in_(terms.terms())))
    elif "taxonomy_id" in values:
        of_it = select(m.TaxonomyTerm.id).where(m.TaxonomyTerm.taxonomy_id == values["taxonomy_id"])
        found.append(_tagged(m.Attribute.taxonomy_term_id.in_(of_it)))
    return found


def _meets(need: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(m.ServiceNeed.service_id == m.Service.id, need)


def _tagged(term: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(m.Attribute.link_entity == "service", m.Attribute.link_id == m.Service.id, term)


def _in_parish(parish: str) -> ColumnElement[bool]:
    at = and_(m.Location.id == m.ServiceAtLocation.location_id, m.ServiceAtLocation.service_id == m.Service.id)
    there = exists().where(at, m.ServiceAtLocation.retired_on.is_(None), m.Location.parish == parish, public.location())
    serves = exists().where(m.ServiceArea.service_id == m.Service.id, m.ServiceArea.parish == parish)
    return or_(m.Service.national, there.correlate(m.Service), serves)


def _speaks(language: str) -> ColumnElement[bool]:
    """Spoken by the service, or where it is given, as far as that may be told."""
    spoken = m.SpokenLanguage.code == language
    at = and_(m.ServiceAtLocation.service_id == m.Service.id, m.ServiceAtLocation.location_id == m.Location.id)
    there = exists().where(at, m.SpokenLanguage.location_id == m.Location.id, spoken, public.service_at_location())
    return or_(
        exists().where(m.SpokenLanguage.service_id == m.Service.id, spoken).correlate(m.Service),
        there.correlate(m.Service),
    )


def _says(text: str, *columns: Any) -> ColumnElement[bool]:
    """The text as it stands: no sign in it is a wildcard."""
    return or_(*(func.strpos(func.lower(column), text.lower()) > 0 for column in columns))


def _since(found: Select[Any], values: Values) -> Select[Any]:
    """What is told with a service touches it when it changes or goes (migration 0019)."""
    return found.where(m.Service.updated_at >= values["modified_after"]) if "modified_after" in values else found
