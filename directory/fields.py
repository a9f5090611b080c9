"""Which fields of which rows a person may edit, what they may hold, and which of them somebody's check stands for."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, inspect

from base.errors import InvalidInput
from directory import codec, places
from directory import models as m
from directory.models.reach import NUMBER
from directory.models.service import STATUSES
from directory.needs import NEEDS
from directory.numbers import dialled

LANGUAGE = re.compile(r"[a-z]{2,3}")
GROUPS = ("women", "men", "children", "youth", "elderly", "disability", "migrants")
NEEDS_FIELD = "needs"  # of a service: codes, each perhaps with also: or part: (both: also:part:) before it
MODELS: Mapping[str, type[Any]] = {
    model.__tablename__: model
    for model in (
        m.Organization, m.OrganizationName, m.Program, m.Service, m.ServiceText, m.Location, m.LocationAddress,
        m.Accessibility, m.ServiceAtLocation, m.DirectoryContact, m.Url, m.Phone, m.Schedule, m.SpokenLanguage,
        m.CostOption, m.RequiredDocument, m.ServiceArea, m.OrganizationIdentifier, m.Funding, m.Unit, m.ServiceCapacity,
    )
}  # fmt: skip
LINKS = {("service", "referred_by_id"), ("service", "program_id"), ("organization", "parent_organization_id")}
NOT_BY_HAND = frozenset(
    "id created_at updated_at last_modified demo verified_by verified_on next_check_due retired_on reviewed_by "
    "reviewed_on updated".split()
)
CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("service", "status"): STATUSES,
    ("service", "open_to_migrants"): ("yes", "no", "unknown"),
    ("location", "location_type"): ("physical", "postal", "virtual"),
    ("location_address", "address_type"): ("physical", "postal", "virtual"),
    ("phone", "channel"): ("voice", "sms", "whatsapp"),
    ("phone", "type"): ("text", "voice", "fax", "cell", "video", "pager", "textphone"),
    ("schedule", "freq"): ("WEEKLY", "MONTHLY"),
    ("schedule", "on_holidays"): ("open", "closed", "unknown"),
    ("service_text", "state"): ("draft", "outdated"),  # reviewed: directory.truth.review
    ("service_text", "language"): ("en", "ht", "acf", "fr", "es"),
    ("service_text", "field"): (
        "name", "alternate_name", "description", "application_process", "fees_description", "eligibility_description",
        "alert",
    ),
}  # fmt: skip
_ADDRESS = "attention address_1 address_2 city region state_province postal_code country address_type"
_HOURS = (
    "valid_from valid_to dtstart timezone until count wkst freq interval byday byweekno bymonthday byyearday opens_at "
    "closes_at on_holidays"
)
# Who changes one of these has another fact than the one that was checked.
CHECKED: Mapping[str, frozenset[str]] = {
    "phone": frozenset(("number", "extension", "channel")),
    "schedule": frozenset(_HOURS.split()),
    "location_address": frozenset(_ADDRESS.split()),
}

# The column that says when somebody last wrote a row, where the standard has one.
MOMENT: Mapping[str, str] = {"service": "last_modified", "service_capacity": "updated"}


def editable(model: type[Any]) -> tuple[str, ...]:
    """The fields of a table that a person may edit, in the table's order; needs last."""
    table = model.__tablename__
    if table not in MODELS:
        return ()
    names = [
        column.name
        for column in inspect(model).columns
        if column.name not in NOT_BY_HAND and (not column.foreign_keys or (table, column.name) in LINKS)
    ]
    return (*names, NEEDS_FIELD) if model is m.Service else tuple(names)


def clean(model: type[Any], field: str, given: Any) -> Any:
    """A value as the column wants it, checked. InvalidInput names the field and what it must be, never the value."""
    if field not in editable(model):
        raise InvalidInput("there is no such field to edit")
    if field == NEEDS_FIELD:
        return _needs(given)
    value = codec.decode(_column(model, field), given)
    if value is not None:
        table = model.__tablename__
        value = _tidy(table, field, value)
        _check(table, field, value)
    return value


def _column(model: type[Any], field: str) -> Column[Any]:
    column: Column[Any] = inspect(model).columns[field]
    return column


def _tidy(table: str, field: str, value: Any) -> Any:
    """A number as it is dialled from anywhere; other words as they are."""
    if (table, field) != ("phone", "number"):
        return value
    return dialled(value)


def _check(table: str, field: str, value: Any) -> None:
    choices = CHOICES.get((table, field))
    if choices and value not in choices:
        raise InvalidInput(f"{field} must be one of: {', '.join(choices)}")
    wrong = {
        ("phone", "number"): lambda: not re.fullmatch(NUMBER, value),
        ("service", "audience"): lambda: not set(value.split()) <= set(GROUPS),
        ("language", "code"): lambda: not LANGUAGE.fullmatch(value),
        ("location", "latitude"): lambda: not -90 <= value <= 90,
        ("location", "longitude"): lambda: not -180 <= value <= 180,
        ("cost_option", "amount"): lambda: not 0 <= value < 10**9,
        ("service_capacity", "available"): lambda: not 0 <= value < 10**9,
        ("service_capacity", "maximum"): lambda: not 0 <= value < 10**9,
    }.get((table, field))
    told = {"number": "a number with its country code", "audience": f"of: {' '.join(GROUPS)}", "code": "a code as ht"}
    if wrong and wrong():
        raise InvalidInput(f"{field} must be {told.get(field, 'a number that can be')}")
    if table in {"location", "service_area"} and field in {"parish", "place"}:
        _check_place(field, value)


def _check_place(field: str, value: str) -> None:
    known = value in {p.name for p in places.parishes()} if field == "parish" else places.place_named(value)
    if not known:
        raise InvalidInput(f"{field} must be a name of the gazetteer")


def _needs(given: Any) -> str:
    """Codes in a certain order, once each."""
    words = given.split() if isinstance(given, str) else list(given or ())
    found: dict[str, str] = {}
    for word in words:
        *marks, need = word.split(":")
        if need not in NEEDS or not set(marks) <= {"also", "part"}:
            raise InvalidInput(f"needs must be codes of: {' '.join(NEEDS)} (also: or part: before one)")
        if need in found:
            raise InvalidInput("needs must name each need once")
        found[need] = "".join(f"{mark}:" for mark in ("also", "part") if mark in marks) + need
    return " ".join(found[need] for need in NEEDS if need in found)
