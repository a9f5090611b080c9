"""The query parameters of the API: what each means, how it is read, and which rows it leaves.

Filters add up (AND). An unknown or malformed parameter is refused: to leave one out without a word would answer with
more than was asked for.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from base.errors import InvalidInput
from directory import places
from directory.needs import NEEDS

LONGEST = 200  # characters of a search
MOST_PAGES, PER_PAGE, MOST_PER_PAGE = 1_000_000, 20, 100
OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
MIGRANTS = ("yes", "no", "unknown")
_WHOLE = re.compile(r"[0-9]{1,7}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[ +-]\d\d:\d\d)?)?", re.ASCII
)  # a "+" that was not escaped comes in as a space


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter: its meaning, its JSON schema, and how its text is read (ValueError: malformed)."""

    meaning: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def _id(text: str) -> uuid.UUID:
    if not _UUID.fullmatch(text):
        raise ValueError("a UUID")
    return uuid.UUID(text)


def _moment(text: str) -> datetime:
    if not _MOMENT.fullmatch(text):
        raise ValueError("a date and time as in 2026-12-01T00:00:00Z")
    joined = text[:10] + text[10:].replace(" ", "T", 1) if text[10:11] == " " else text
    try:
        found = datetime.fromisoformat(joined.upper().replace(" ", "+"))
    except ValueError:
        raise ValueError("a date and time as in 2026-12-01T00:00:00Z") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return max(found, OLDEST)


def _text(text: str) -> str:
    if len(text) > LONGEST or "\0" in text:
        raise ValueError(f"text of at most {LONGEST} characters")
    return text


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return read


def _language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}", text):
        raise ValueError("a code of two or three small letters")
    return text


PARISHES = tuple(parish.name for parish in places.parishes())
UUID_SCHEMA = {"type": "string", "format": "uuid"}
FLAG_SCHEMA = {"type": "boolean"}
PARAMETERS = {
    "search": Parameter(
        "Words in the name or description, whatever their case",
        {"type": "string", "maxLength": LONGEST, "pattern": r"^[^\x00]*$"},
        _text,
    ),
    "page": Parameter(
        "Number of the page, from 1", {"type": "integer", "minimum": 1, "maximum": MOST_PAGES}, _whole(1, MOST_PAGES)
    ),
    "per_page": Parameter(
        f"Results on a page; {PER_PAGE} when not given",
        {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE},
        _whole(1, MOST_PER_PAGE),
    ),
    "format": Parameter(
        "json, or ndjson: one object a line and no page around them; all results unless page or per_page is given",
        {"type": "string", "enum": ["json", "ndjson"]},
        _one_of("json", "ndjson"),
    ),
    "taxonomy_term_id": Parameter("Has this term", UUID_SCHEMA, _id),
    "taxonomy_id": Parameter("Has any term of this taxonomy", UUID_SCHEMA, _id),
    "organization_id": Parameter("Offered by this organization", UUID_SCHEMA, _id),
    "parent_id": Parameter("Directly below this term", UUID_SCHEMA, _id),
    "top_only": Parameter("true: only terms that have no parent", FLAG_SCHEMA, _flag),
    "modified_after": Parameter("Changed at or after this moment", {"type": "string", "format": "date-time"}, _moment),
    "minimal": Parameter("true: only id and modified_date of each, all on one page", FLAG_SCHEMA, _flag),
    "full": Parameter("true: with everything nested", FLAG_SCHEMA, _flag),
    "full_service": Parameter("true: organizations with their services in full", FLAG_SCHEMA, _flag),
    "need": Parameter("Profile: meets this need", {"type": "string", "enum": list(NEEDS)}, _one_of(*NEEDS)),
    "parish": Parameter(
        "Profile: in this parish, or serves it, or serves the whole island",
        {"type": "string", "enum": list(PARISHES)},
        _one_of(*PARISHES),
    ),
    "language": Parameter(
        "Profile: spoken there (BCP 47: en, ht, acf)", {"type": "string", "pattern": "^[a-z]{2,3}$"}, _language
    ),
    "open_to_migrants": Parameter(
        "Profile: serves people who are not citizens", {"type": "string", "enum": list(MIGRANTS)}, _one_of(*MIGRANTS)
    ),
    "unverified": Parameter(
        "Profile: true: also numbers nobody has verified, each marked so. Never hand them out", FLAG_SCHEMA, _flag
    ),
}
PAGED = ("search", "page", "per_page", "format")
SERVICE = (
    *PAGED, "taxonomy_term_id", "taxonomy_id", "organization_id", "modified_after", "minimal", "full", "need", "parish",
    "language", "open_to_migrants", "unverified",
)  # fmt: skip
LISTS: Mapping[str, tuple[str, ...]] = {
    "services": SERVICE,
    "organizations": (*PAGED, "taxonomy_term_id", "taxonomy_id", "full", "full_service", "unverified"),
    "service_at_locations": tuple(name for name in SERVICE if name != "minimal"),
    "taxonomies": PAGED,
    "taxonomy_terms": (*PAGED, "taxonomy_id", "top_only", "parent_id"),
}
ONE: Mapping[str, tuple[str, ...]] = {
    "services": ("unverified",),
    "organizations": ("full_service", "unverified"),
    "service_at_locations": ("unverified",),
    "taxonomies": (),
    "taxonomy_terms": (),
}


def read(given: Mapping[str, Sequence[str]], allowed: Sequence[str]) -> dict[str, Any]:
    """The values of the parameters given. Raises InvalidInput, naming the parameter and what it must be."""
    values = {}
    for name, texts in given.items():
        if name not in allowed:
            raise InvalidInput(f"there is no such parameter here; there are: {', '.join(allowed) or 'none'}")
        if len(texts) != 1:
            raise InvalidInput(f"{name} is given more than once")
        try:
            values[name] = PARAMETERS[name].read(texts[0])
        except ValueError as error:
            raise InvalidInput(f"{name} must be {error}") from None
    return values
