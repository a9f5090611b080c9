"""The need codes as an HSDS taxonomy, beside the taxonomies of the database."""

import uuid
from dataclasses import dataclass
from functools import cache

from directory.needs import NEEDS

NAMESPACE = uuid.UUID("5b0c2b5e-5c58-5d0e-9f55-0d8f3a1f7c11")  # ids must never change


@dataclass(frozen=True, slots=True)
class OwnTaxonomy:
    """The list of needs."""

    id: uuid.UUID
    name: str = "Koudmen needs"
    description: str = "What a person looks for"
    uri: str | None = None
    version: str | None = "1"


@dataclass(frozen=True, slots=True)
class OwnTerm:
    """One need."""

    id: uuid.UUID
    code: str
    name: str
    taxonomy_id: uuid.UUID
    need: str
    description: str = ""
    parent_id: uuid.UUID | None = None
    language: str | None = "en"
    term_uri: str | None = None


@cache
def taxonomy() -> OwnTaxonomy:
    """The taxonomy of needs."""
    return OwnTaxonomy(uuid.uuid5(NAMESPACE, "needs"))


@cache
def terms() -> dict[str, OwnTerm]:
    """Its terms by need code."""
    return {
        need: OwnTerm(term_id(need), need, need.replace("_", " ").capitalize(), taxonomy().id, need) for need in NEEDS
    }


def term_id(need: str) -> uuid.UUID:
    """The id of a need's term."""
    return uuid.uuid5(NAMESPACE, f"need {need}")


def link_id(*parts: object) -> uuid.UUID:
    """The id of an attribute that is made from a row: always the same for the same row."""
    return uuid.uuid5(NAMESPACE, " ".join(map(str, parts)))
