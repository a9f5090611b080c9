"""How the tables nest in HSDS JSON: which object holds which, by which column."""

from base.db import Base
from directory import models as m
from directory.hsds.fields import ENTITIES

OBJECTS: dict[str, type[Base]] = {name: entity.model for name, entity in ENTITIES.items()} | {
    "former_name": m.OrganizationName,
    "translation": m.ServiceText,
}
LINK_OF = {
    "organization": "organization_id", "service": "service_id", "location": "location_id", "contact": "contact_id",
    "service_at_location": "service_at_location_id",
}  # fmt: skip
ATTRIBUTES = "attributes"


def _lists() -> dict[str, dict[str, tuple[str, str]]]:
    found = {
        name: {field: (child, LINK_OF[name]) for field, child in entity.lists.items() if child != "attribute"}
        for name, entity in ENTITIES.items()
    }
    found["organization"]["former_names"] = "former_name", "organization_id"  # of the profile
    found["service"]["translations"] = "translation", "service_id"  # of the profile
    return found | {"former_name": {}, "translation": {}}


# object -> field -> (object in the list, its column that points back)
LISTS = _lists()
# object -> field -> (object, our column that points at it)
SINGLE: dict[str, dict[str, tuple[str, str]]] = {
    "service": {"organization": ("organization", "organization_id"), "program": ("program", "program_id")},
    "organization": {"parent_organization": ("organization", "parent_organization_id")},  # of the profile
    "program": {"organization": ("organization", "organization_id")},  # of the profile
    "location": {"organization": ("organization", "organization_id")},  # of the profile
    "service_at_location": {"location": ("location", "location_id"), "service": ("service", "service_id")},
    "service_capacity": {"unit": ("unit", "unit_id")},
    "attribute": {"taxonomy_term": ("taxonomy_term", "taxonomy_term_id")},
    "taxonomy_term": {
        "taxonomy_detail": ("taxonomy", "taxonomy_id"),
        "parent": ("taxonomy_term", "parent_id"),  # of the profile
    },
}
