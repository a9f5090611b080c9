"""The need codes as an HSDS taxonomy and as terms of Open Eligibility, beside the taxonomies of the database."""

import uuid
from dataclasses import dataclass
from functools import cache

from directory import open_eligibility
from directory.needs import NEEDS

NAMESPACE = uuid.UUID("5b0c2b5e-5c58-5d0e-9f55-0d8f3a1f7c11")  # ids must never change


@dataclass(frozen=True, slots=True)
class OwnTaxonomy:
    """A list of terms that is not in the database."""

    id: uuid.UUID
    name: str
    description: str
    uri: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class OwnTerm:
    """One of its terms; `need` is the need code it stands for."""

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
    return OwnTaxonomy(uuid.uuid5(NAMESPACE, "needs"), "Koudmen needs", "What a person looks for", version="1")


@cache
def eligibility() -> OwnTaxonomy:
    """Open Eligibility, of which the terms are listed that our needs stand for."""
    told = "By Aunt Bertha, Inc. (findhelp), CC BY-SA 3.0: the terms that needs of this directory stand for"
    return OwnTaxonomy(uuid.uuid5(NAMESPACE, "open eligibility"), open_eligibility.NAME, told, open_eligibility.HOME)


@cache
def terms() -> dict[str, OwnTerm]:
    """The terms of our taxonomy by need code."""
    return {
        need: OwnTerm(term_id(need), need, need.replace("_", " ").capitalize(), taxonomy().id, need) for need in NEEDS
    }


@cache
def eligibility_terms() -> dict[str, OwnTerm]:
    """The terms of Open Eligibility that are published, by need code."""
    found = {need: open_eligibility.term_of(need) for need in NEEDS}
    return {
        need: OwnTerm(link_id("open eligibility", code), code, title, eligibility().id, need)
        for need, (code, title) in found.items()
    }


@cache
def need_by_term() -> dict[uuid.UUID, str]:
    """The need of each term of both lists, by the term's id."""
    return {term.id: need for found in (terms(), eligibility_terms()) for need, term in found.items()}


def term_id(need: str) -> uuid.UUID:
    """The id of a need's term."""
    return uuid.uuid5(NAMESPACE, f"need {need}")


def link_id(*parts: object) -> uuid.UUID:
    """The id of an attribute that is made from a row: always the same for the same row."""
    return uuid.uuid5(NAMESPACE, " ".join(map(str, parts)))


def eligibility_link(service: object, need: str) -> uuid.UUID:
    """The id of the attribute that tells of a service's need by its term of Open Eligibility."""
    return link_id(service, need, "open eligibility")
