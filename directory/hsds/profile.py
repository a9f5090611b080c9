"""The Dominica profile of HSDS, as JSON Merge Patches (RFC 7386) of the standard's schemas, made from `fields`."""

from typing import Any

from directory.hsds.fields import ENTITIES, json_schema

VERSION = "1.0.0"
HSDS_VERSION = "3.1"
NAME = "HSDS profile for Dominica"
# Of what the standard demands, Dominica has no postal codes in use.
NOT_DEMANDED = {"address": ["id", "address_1", "city", "state_province", "country", "address_type"]}


def names() -> list[str]:
    """The schemas that the profile changes."""
    return [name for name, entity in ENTITIES.items() if entity.profile or name in NOT_DEMANDED]


def merge_patch(name: str) -> dict[str, Any]:
    """What the profile changes in the schema of this name. KeyError for one it leaves alone."""
    if name not in names():
        raise KeyError(name)
    added = {
        column: {"name": column, "description": meaning, **json_schema(name, column)}
        for column, meaning in ENTITIES[name].profile.items()
    }
    patch: dict[str, Any] = {"properties": added} if added else {}
    return patch | ({"required": NOT_DEMANDED[name]} if name in NOT_DEMANDED else {})


def index(base: str) -> dict[str, Any]:
    """What the profile is and where its files are. `base` is the address of the API."""
    return {
        "name": NAME,
        "version": VERSION,
        "hsds_version": HSDS_VERSION,
        "description": "Parishes, needs, who is served, channels of phones, opening on public holidays.",
        "schemas": {name: f"{base}/profile/{name}.json" for name in names()},
    }
