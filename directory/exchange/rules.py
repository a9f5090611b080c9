"""What the database demands of a row, as sentences for the person who wrote the file.

Each rule here stands for a CHECK or UNIQUE of `directory/models`: a file that breaks one is told row and field, and
never reaches the database.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Column

from base.clock import DOMINICA, now
from base.db import Base
from directory import models as m
from directory import places
from directory.models.reach import NUMBER
from directory.models.service import STATUSES
from directory.needs import NEEDS
from directory.numbers import dialled

Row = dict[str, Any]
Wrong = tuple[str, str, str]  # field, what is wrong, what is expected
CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("service", "status"): STATUSES,
    ("service", "open_to_migrants"): ("yes", "no", "unknown"),
    ("location", "location_type"): ("physical", "postal", "virtual"),
    ("location", "parish"): tuple(parish.name for parish in places.parishes()),
    ("service_area", "parish"): tuple(parish.name for parish in places.parishes()),
    ("phone", "channel"): ("voice", "sms", "whatsapp"),
    ("schedule", "freq"): ("WEEKLY", "MONTHLY"),
    ("schedule", "on_holidays"): ("open", "closed", "unknown"),
    ("service_need", "need"): NEEDS,
}
UNIQUE: dict[type[Base], tuple[str, ...]] = {
    m.ServiceAtLocation: ("service_id", "location_id"),
    m.ServiceText: ("service_id", "field", "language"),
}
PHONE_FORM = "+1 767 555 0100, or a short code of 3 to 10 digits"
_NUMBER = re.compile(NUMBER)


def number(text: str) -> str:
    """A telephone number as it is kept. Raises ValueError when it is none."""
    bare = dialled(text)
    if not _NUMBER.fullmatch(bare):
        raise ValueError(f"is no telephone number; expected: {PHONE_FORM}")
    return bare


def for_column(model: type[Base], column: Column[Any]) -> Callable[[Any], Any] | None:
    """A function that gives the value back, or a better form of it, or raises ValueError with a sentence."""
    key = (model.__tablename__, column.name)
    if key == ("phone", "number"):
        return number
    if key not in CHOICES:
        return None
    choices = CHOICES[key]

    def check(value: Any) -> Any:
        if value in choices or (value is None and column.nullable):
            return value
        raise ValueError(f"is not one of the known words; expected one of: {', '.join(choices)}")

    return check


def of_row(model: type[Base], row: Row) -> Iterator[Wrong]:
    """What is wrong with fields that must agree."""
    for rule in _ROWS.get(model, ()):
        yield from rule(row)


def ownerless(model: type[Base], row: Row) -> bool:
    """Whether a row that must hang on something hangs on nothing."""
    owners = _OWNERS.get(model, ())
    return bool(owners) and all(row.get(name) is None for name in owners)


_OWNERS: dict[type[Base], tuple[str, ...]] = {
    m.Url: ("organization_id", "service_id"),
    m.Funding: ("organization_id", "service_id"),
    m.SpokenLanguage: ("service_id", "location_id"),
}


def _ages(row: Row) -> Iterator[Wrong]:
    low, high = row.get("minimum_age"), row.get("maximum_age")
    for name, age in (("minimum_age", low), ("maximum_age", high)):
        if age is not None and age < 0:
            yield name, "is below 0", "an age in years"
    if low is not None and high is not None and 0 <= high < low:
        yield "maximum_age", "is below the youngest age", f"at least {low}"


def _times(row: Row) -> Iterator[Wrong]:
    if (row.get("opens_at") is None) != (row.get("closes_at") is None):
        yield "opens_at", "only one of the two times is given", "both opens_at and closes_at, or neither"


def _owner(row: Row) -> Iterator[Wrong]:
    if row.get("organization_id") is not None and row.get("service_id") is not None:
        yield "organization_id", "the address belongs to two", "organization_id or service_id, not both"


def _verified(row: Row) -> Iterator[Wrong]:
    if row.get("verified_on") is not None and not row.get("verified_by"):
        yield "verified_by", "is empty although verified_on is given", "who checked it"
    if row.get("verified_on") is not None and row["verified_on"] > now().astimezone(DOMINICA).date():
        yield "verified_on", "that day has not come yet", "the day of the check"


def _capacity(row: Row) -> Iterator[Wrong]:
    for name in ("available", "maximum"):
        if row.get(name) is not None and row[name] < 0:
            yield name, "is below 0", "how many there are"


def _part(row: Row) -> Iterator[Wrong]:
    if row.get("rank") is not None and row["rank"] not in {0, 1}:
        yield "rank", "is not known", "0 (what it is for) or 1 (it also helps with this)"


_ROWS: dict[type[Base], tuple[Callable[[Row], Iterator[Wrong]], ...]] = {
    m.Service: (_ages,),
    m.Schedule: (_times,),
    m.Url: (_owner,),
    m.Phone: (_verified,),
    m.LocationAddress: (_verified,),
    m.ServiceNeed: (_part,),
    m.ServiceCapacity: (_capacity,),
}
