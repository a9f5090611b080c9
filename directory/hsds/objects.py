"""Rows as HSDS objects, nested as the standard has them. Each kind of row is read once for all objects of a page."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from directory import models as m
from directory.hsds import public, terms
from directory.hsds.fields import plain

Object = dict[str, Any]
Ids = Iterable[uuid.UUID]
Groups = dict[uuid.UUID, list[Object]]
VERIFICATION = "verification"
LABELS = {"verified": "A person dialled it and the service answered", "unverified": "NOT VERIFIED: do not hand out"}


class Objects:
    """Reads and nests. `unverified`: with numbers nobody has verified, each marked so."""

    def __init__(self, session: Session, *, unverified: bool = False) -> None:
        self.session, self.unverified = session, unverified

    def services(self, ids: Sequence[uuid.UUID], *, full: bool) -> list[Object]:
        """Services in the order of `ids`; only what may be public. Not full: with organization and programme only."""
        rows = self._by_id(m.Service, ids, public.service())
        deep = full and self._deep_services(rows)
        organizations = self._owners(m.Organization, {row.organization_id for row in rows.values()}, full=full)
        programs = self._owners(m.Program, {row.program_id for row in rows.values() if row.program_id}, full=False)
        done = []
        for key in (one for one in ids if one in rows):
            row, found = rows[key], plain("service", rows[key])
            if row.assured_date is None and row.verified_on is not None:
                found["assured_date"] = row.verified_on.isoformat()
            found |= (
                {"organization": organizations[row.organization_id]} if row.organization_id in organizations else {}
            )
            if row.program_id in programs:
                found["program"] = programs[row.program_id]
            else:
                found.pop("program_id", None)
            done.append(found | (deep[key] if deep else {}))
        return done

    def organizations(self, ids: Sequence[uuid.UUID], *, full: bool, full_service: bool = False) -> list[Object]:
        """Organizations in the order of `ids`. Full: with all they hold, and their services (ids, or full ones)."""
        rows = self._by_id(m.Organization, ids, public.organization())
        shown = set(
            self._by_id(m.Organization, [r.parent_organization_id for r in rows.values()], public.organization())
        )
        lists = self._organization_lists(rows) if full else {}
        offered = self._offered(rows, full_service=full_service) if full or full_service else {}
        done = []
        for key in (one for one in ids if one in rows):
            found = plain("organization", rows[key])
            if rows[key].parent_organization_id not in shown:
                found.pop("parent_organization_id", None)
            done.append(found | _of(lists, key) | ({"services": offered.get(key, [])} if full or full_service else {}))
        return done

    def service_at_locations(self, ids: Sequence[uuid.UUID], *, full: bool) -> list[Object]:
        """Services at locations in the order of `ids`, each with its location and its service."""
        rows = self._by_id(m.ServiceAtLocation, ids, public.service_at_location())
        locations = {one["id"]: one for one in self.locations({r.location_id for r in rows.values()}, full=full)}
        found = {one["id"]: one for one in self.services([r.service_id for r in rows.values()], full=full)}
        lists = self._at_lists(rows) if full else {}
        return [
            plain("service_at_location", rows[key])
            | {"location": locations[str(rows[key].location_id)], "service": found[str(rows[key].service_id)]}
            | _of(lists, key)
            for key in ids
            if key in rows
        ]

    def locations(self, ids: Ids, *, full: bool) -> list[Object]:
        """Locations that may be told."""
        rows = self._by_id(m.Location, ids, public.location())
        lists = self._location_lists(rows) if full else {}
        return [plain("location", row) | _of(lists, key) for key, row in rows.items()]

    def _deep_services(self, rows: dict[uuid.UUID, Any]) -> dict[uuid.UUID, Object]:
        at_rows = self._rows(
            m.ServiceAtLocation, m.ServiceAtLocation.service_id.in_(rows), public.service_at_location()
        )
        at = {row.id: row for row in at_rows}
        locations = {one["id"]: one for one in self.locations({row.location_id for row in at_rows}, full=True)}
        lists, places = self._at_lists(at), defaultdict(list)
        for key, row in at.items():
            location = {"location": locations[str(row.location_id)]}
            places[row.service_id].append(plain("service_at_location", row) | location | _of(lists, key))
        by = {
            "additional_urls": self._group("url", m.Url.service_id, rows),
            "phones": self._phones(m.Phone.service_id, rows),
            "schedules": self._group("schedule", m.Schedule.service_id, rows),
            "service_areas": self._group("service_area", m.ServiceArea.service_id, rows),
            "service_at_locations": dict(places),
            "languages": self._group("language", m.SpokenLanguage.service_id, rows),
            "cost_options": self._group("cost_option", m.CostOption.service_id, rows),
            "required_documents": self._group("required_document", m.RequiredDocument.service_id, rows),
            "contacts": self._contacts(m.DirectoryContact.service_id, rows),
            "attributes": self._needs(rows),
            "funding": self._group("funding", m.Funding.service_id, rows),
            "capacities": self._capacities(rows),
        }
        return {key: _of(by, key) for key in rows}

    def _organization_lists(self, rows: Ids) -> dict[str, Groups]:
        ids = list(rows)
        located = self._rows(m.Location, m.Location.organization_id.in_(ids), public.location())
        owner = {str(row.id): row.organization_id for row in located}
        locations: Groups = defaultdict(list)
        for one in self.locations([row.id for row in located], full=True):
            locations[owner[one["id"]]].append(one)
        return {
            "additional_websites": self._group("url", m.Url.organization_id, ids),
            "contacts": self._contacts(m.DirectoryContact.organization_id, ids),
            "phones": self._phones(m.Phone.organization_id, ids),
            "locations": dict(locations),
            "programs": self._group("program", m.Program.organization_id, ids, public.program()),
            "attributes": self._attributes(ids),
            "funding": self._group("funding", m.Funding.organization_id, ids),
            "organization_identifiers": self._group(
                "organization_identifier", m.OrganizationIdentifier.organization_id, ids
            ),
        }

    def _location_lists(self, rows: Ids) -> dict[str, Groups]:
        ids = list(rows)
        return {
            "languages": self._group("language", m.SpokenLanguage.location_id, ids),
            "addresses": self._group("address", m.LocationAddress.location_id, ids),
            "contacts": self._contacts(m.DirectoryContact.location_id, ids),
            "accessibility": self._group("accessibility", m.Accessibility.location_id, ids),
            "phones": self._phones(m.Phone.location_id, ids),
            "schedules": self._group("schedule", m.Schedule.location_id, ids),
            "attributes": self._attributes(ids),
        }

    def _at_lists(self, rows: Ids) -> dict[str, Groups]:
        ids = list(rows)
        return {
            "service_areas": self._group("service_area", m.ServiceArea.service_at_location_id, ids),
            "contacts": self._contacts(m.DirectoryContact.service_at_location_id, ids),
            "phones": self._phones(m.Phone.service_at_location_id, ids),
            "schedules": self._group("schedule", m.Schedule.service_at_location_id, ids),
            "attributes": self._attributes(ids),
        }

    def _offered(self, rows: Ids, *, full_service: bool) -> Groups:
        pairs = self.session.execute(
            select(m.Service.id, m.Service.organization_id)
            .where(m.Service.organization_id.in_(list(rows)), public.service())
            .order_by(m.Service.id)
        )
        owner = {str(key): organization for key, organization in pairs}
        services: Groups = defaultdict(list)
        for one in self.services([uuid.UUID(key) for key in owner], full=full_service):
            one.pop("organization", None)
            services[owner[one["id"]]].append(one)
        return services

    def _owners(self, model: Any, ids: set[uuid.UUID], *, full: bool) -> dict[uuid.UUID, Object]:
        if model is m.Organization:
            objects = self.organizations(sorted(ids), full=full)
            for one in objects:
                one.pop("services", None)
        else:
            objects = [plain("program", row) for row in self._by_id(m.Program, ids, public.program()).values()]
        return {uuid.UUID(one["id"]): one for one in objects}

    def _phones(self, column: Any, ids: Ids) -> Groups:
        groups: Groups = defaultdict(list)
        where = (column.in_(list(ids)), public.hanging(m.Phone, but=column.key))
        told = public.phone(unverified=self.unverified)
        for row in self._rows(m.Phone, told, *where, order=(m.Phone.priority, m.Phone.id)):
            state = "verified" if row.verified_on else "unverified"
            attribute = {
                "id": str(terms.link_id(row.id, VERIFICATION)), "link_id": str(row.id), "link_entity": "phone",
                "link_type": VERIFICATION, "value": state, "label": LABELS[state],
            }  # fmt: skip
            groups[getattr(row, column.key)].append(plain("phone", row) | {"attributes": [attribute]})
        return groups

    def _contacts(self, column: Any, ids: Ids) -> Groups:
        rows = self._rows(m.DirectoryContact, column.in_(list(ids)), public.hanging(m.DirectoryContact, but=column.key))
        phones, groups = self._phones(m.Phone.contact_id, [row.id for row in rows]), defaultdict(list)
        for row in rows:
            groups[getattr(row, column.key)].append(plain("contact", row) | {"phones": phones.get(row.id, [])})
        return groups

    def _capacities(self, ids: Ids) -> Groups:
        rows = self._rows(m.ServiceCapacity, m.ServiceCapacity.service_id.in_(list(ids)))
        units, groups = self._by_id(m.Unit, {row.unit_id for row in rows}), defaultdict(list)
        for row in rows:
            unit = plain("unit", units[row.unit_id])
            groups[row.service_id].append(plain("service_capacity", row) | {"unit": unit})
        return groups

    def _needs(self, ids: Ids) -> Groups:
        """The needs of services as attributes, by our own terms and by those of Open Eligibility, after those of the
        database. `link_type`: main, part or also."""
        groups: Groups = defaultdict(list, self._attributes(ids))
        rows = self._rows(m.ServiceNeed, m.ServiceNeed.service_id.in_(list(ids)), order=(m.ServiceNeed.need,))
        for row in (row for row in rows if row.need in terms.terms()):
            own = _need(row, terms.link_id(row.service_id, row.need), terms.terms(), terms.taxonomy())
            key = terms.eligibility_link(row.service_id, row.need)
            groups[row.service_id] += [own, _need(row, key, terms.eligibility_terms(), terms.eligibility())]
        return groups

    def _attributes(self, ids: Ids) -> Groups:
        rows = self._rows(m.Attribute, m.Attribute.link_id.in_(list(ids)))
        used = {row.taxonomy_term_id for row in rows if row.taxonomy_term_id}
        found = {uuid.UUID(one["id"]): one for one in self.taxonomy_terms(used)}
        groups: Groups = defaultdict(list)
        for row in rows:
            term = {"taxonomy_term": found[row.taxonomy_term_id]} if row.taxonomy_term_id in found else {}
            groups[row.link_id].append(plain("attribute", row) | term)
        return groups

    def taxonomy_terms(self, ids: Ids) -> list[Object]:
        """Terms of the database with their taxonomy."""
        rows = self._by_id(m.TaxonomyTerm, ids)
        known = self._by_id(m.Taxonomy, {row.taxonomy_id for row in rows.values()})
        return [
            plain("taxonomy_term", row)
            | ({"taxonomy_detail": plain("taxonomy", known[row.taxonomy_id])} if row.taxonomy_id in known else {})
            for row in rows.values()
        ]

    def _group(self, entity: str, column: Any, ids: Ids, *where: ColumnElement[bool]) -> Groups:
        groups: Groups = defaultdict(list)
        for row in self._rows(
            column.class_, column.in_(list(ids)), public.hanging(column.class_, but=column.key), *where
        ):
            groups[getattr(row, column.key)].append(plain(entity, row))
        return groups

    def _by_id(self, model: Any, ids: Iterable[Any], *where: ColumnElement[bool]) -> dict[uuid.UUID, Any]:
        return {row.id: row for row in self._rows(model, model.id.in_([one for one in ids if one]), *where)}

    def _rows(self, model: Any, *where: ColumnElement[bool], order: Sequence[Any] = ()) -> Sequence[Any]:
        return self.session.scalars(select(model).where(*where).order_by(*(order or (model.id,)))).all()


def _need(row: m.ServiceNeed, key: uuid.UUID, known: dict[str, terms.OwnTerm], taxonomy: terms.OwnTaxonomy) -> Object:
    """A need as an attribute with a term of this list."""
    term = known[row.need]
    return {
        "id": str(key), "link_id": str(row.service_id), "link_entity": "service",
        "link_type": "also" if row.rank else "part" if row.part else "main", "taxonomy_term_id": str(term.id),
        "taxonomy_term": plain("taxonomy_term", term) | {"taxonomy_detail": plain("taxonomy", taxonomy)},
    }  # fmt: skip


def _of(lists: dict[str, Groups], key: uuid.UUID) -> Object:
    """The lists of one object that are not empty."""
    return {name: groups[key] for name, groups in lists.items() if groups.get(key)}
