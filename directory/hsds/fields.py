"""Which columns become which HSDS fields, and what the Dominica profile adds. OpenAPI and profile are made from this.

HSDS 3.1, `docs.openreferral.org`: names and types of fields are the standard's. What a table holds beside them is
either a field of the profile or is not published: who verified a fact, where it was found, history, and all that is
confidential stay inside.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, Float, Integer, Numeric, Uuid, inspect

from base.clock import DOMINICA
from base.db import Base
from directory import models as m

OFFSET = "-04:00"  # Dominica, all year
CONTENT = str | float | bool | None


@dataclass(frozen=True)
class Entity:
    """An HSDS object. `names` are columns with the standard's name; `profile` says what the profile's columns mean.

    `required` as in the standard; `lists` and `single` are the objects it holds, by field.
    """

    model: type[Base]
    names: tuple[str, ...]
    required: tuple[str, ...] = ("id",)
    profile: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    single: Mapping[str, str] = field(default_factory=dict)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENTITIES = {
    "organization": Entity(
        m.Organization,
        _words(
            "id name alternate_name description email website year_incorporated legal_status logo uri "
            "parent_organization_id"
        ),
        ("id", "name", "description"),
        {"name_valid_from": "From when the name holds", "name_valid_to": "Until when the name holds"},
        {
            "additional_websites": "url", "contacts": "contact", "phones": "phone", "locations": "location",
            "programs": "program", "attributes": "attribute", "funding": "funding",
            "organization_identifiers": "organization_identifier",
        },
    ),
    "service": Entity(
        m.Service,
        _words(
            "id organization_id program_id name alternate_name description url email status interpretation_services "
            "application_process fees_description accreditations eligibility_description minimum_age maximum_age "
            "assured_date assurer_email alert last_modified"
        ),
        ("id", "name", "status"),
        {
            "open_to_migrants": "yes, no or unknown: whether people who are not citizens are served",
            "national": "Serves the whole island",
            "audience": "Whom it is for, if not everybody: groups, separated by spaces",
        },
        {
            "additional_urls": "url", "phones": "phone", "schedules": "schedule", "service_areas": "service_area",
            "service_at_locations": "service_at_location", "languages": "language", "cost_options": "cost_option",
            "required_documents": "required_document", "contacts": "contact", "attributes": "attribute",
            "funding": "funding", "capacities": "service_capacity",
        },
        {"organization": "organization", "program": "program"},
    ),
    "service_at_location": Entity(
        m.ServiceAtLocation,
        _words("id service_id location_id description"),
        lists={
            "service_areas": "service_area", "contacts": "contact", "phones": "phone", "schedules": "schedule",
            "attributes": "attribute",
        },
        single={"location": "location", "service": "service"},
    ),
    "location": Entity(
        m.Location,
        _words(
            "id location_type url organization_id name alternate_name description transportation latitude longitude"
        ),
        ("id", "location_type"),
        {
            "parish": "One of the ten parishes",
            "place": "Town or village, as in the gazetteer",
            "place_confirmed": "false: the town is assumed, no source names it",
        },
        {
            "languages": "language", "addresses": "address", "contacts": "contact", "accessibility": "accessibility",
            "phones": "phone", "schedules": "schedule", "attributes": "attribute",
        },
    ),
    "address": Entity(
        m.LocationAddress,
        _words(
            "id location_id attention address_1 address_2 city region state_province postal_code country address_type"
        ),
        _words("id address_1 city state_province country address_type"),
    ),
    "phone": Entity(
        m.Phone,
        _words(
            "id location_id service_id organization_id contact_id service_at_location_id number extension type "
            "description"
        ),
        ("id", "number"),
        {
            "channel": "voice, sms or whatsapp",
            "toll_free": "Costs nothing to call from within Dominica",
            "verified_on": "When a person dialled it and the service answered; absent: nobody has",
        },
        {"attributes": "attribute"},
    ),
    "schedule": Entity(
        m.Schedule,
        _words(
            "id service_id location_id service_at_location_id valid_from valid_to dtstart timezone until count wkst "
            "freq interval byday byweekno bymonthday byyearday description opens_at closes_at schedule_link "
            "attending_type notes"
        ),
        profile={"on_holidays": "open, closed or unknown: on public holidays of Dominica"},
    ),
    "service_area": Entity(
        m.ServiceArea,
        _words("id service_id service_at_location_id name description extent extent_type uri"),
        profile={"parish": "One of the ten parishes", "place": "Town or village, as in the gazetteer"},
    ),
    "language": Entity(m.SpokenLanguage, _words("id service_id location_id name code note")),
    "accessibility": Entity(m.Accessibility, _words("id location_id description details url")),
    "contact": Entity(
        m.DirectoryContact,
        _words("id organization_id service_id service_at_location_id location_id name title department email"),
        lists={"phones": "phone"},
    ),
    "cost_option": Entity(
        m.CostOption, _words("id service_id valid_from valid_to option currency amount amount_description")
    ),
    "required_document": Entity(
        m.RequiredDocument,
        _words("id service_id document uri"),
        profile={"migrants_only": "Asked of people who are not citizens"},
    ),
    "program": Entity(
        m.Program, _words("id organization_id name alternate_name description"), ("id", "name", "description")
    ),
    "organization_identifier": Entity(
        m.OrganizationIdentifier, _words("id organization_id identifier_scheme identifier_type identifier"),
        ("id", "identifier_type", "identifier"),
    ),
    "funding": Entity(m.Funding, _words("id organization_id service_id source")),
    "unit": Entity(m.Unit, _words("id name scheme identifier uri"), ("id", "name")),
    "service_capacity": Entity(
        m.ServiceCapacity, _words("id service_id unit_id available maximum description updated"),
        ("id", "unit", "available", "updated"), single={"unit": "unit"},
    ),
    "url": Entity(m.Url, _words("id label url organization_id service_id"), ("id", "url")),
    "taxonomy": Entity(m.Taxonomy, _words("id name description uri version"), ("id", "name", "description")),
    "taxonomy_term": Entity(
        m.TaxonomyTerm,
        _words("id code name description parent_id language taxonomy_id term_uri"),
        ("id", "name", "description"),
        {"need": "The need code it stands for"},
        single={"taxonomy_detail": "taxonomy"},
    ),
    "attribute": Entity(
        m.Attribute,
        _words("id link_id taxonomy_term_id link_type link_entity value label"),
        single={"taxonomy_term": "taxonomy_term"},
    ),
}  # fmt: skip


def plain(name: str, row: Any) -> dict[str, Any]:
    """The fields of one row of an entity, without the objects it holds. What is not known is left out."""
    entity = ENTITIES[name]
    values = ((key, written(getattr(row, key))) for key in (*entity.names, *entity.profile))
    return {key: value for key, value in values if value is not None}


def written(value: Any) -> CONTENT:
    """A column's value as JSON has it. Times are Dominica's and say so."""
    match value:
        case uuid.UUID():
            return str(value)
        case datetime():
            return value.astimezone(DOMINICA).isoformat(timespec="seconds")
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}{OFFSET}"
        case Decimal():
            return float(value)
        case str() | int() | float() | bool() | None:
            return value
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def json_schema(name: str, column: str) -> dict[str, Any]:
    """The JSON schema of a field, from its column."""
    kind = inspect(ENTITIES[name].model).columns[column].type
    if isinstance(kind, Boolean):
        return {"type": "boolean"}
    if isinstance(kind, Integer | Float | Numeric):
        return {"type": "number"}
    formats: list[tuple[type, str]] = [(Uuid, "uuid"), (DateTime, "date-time"), (Date, "date")]
    named = next((text for known, text in formats if isinstance(kind, known)), None)
    return {"type": "string", "format": named} if named else {"type": "string"}
