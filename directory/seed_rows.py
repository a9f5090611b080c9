"""Reads `data/providers.csv`: each line becomes rows of the directory, or sentences that say what is wrong with it."""

import csv
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

from base.db import Base
from base.errors import InvalidInput
from directory import places
from directory.hours import DAYS
from directory.models import (
    Location,
    LocationAddress,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceAtLocation,
    ServiceNeed,
    SpokenLanguage,
)
from directory.needs import NEEDS

NAMESPACE = uuid.UUID("6f4bfb0e-6f2e-5a0b-9d0c-3d5e1a7a52d0")  # of the seed; ids must never change
COLUMNS = (
    "key organization service needs also parish place place_confirmed address coverage phones hours holidays languages "
    "migrants audience ages eligibility documents fees confidential referred_by status source source_year confidence"
).split()
MIDNIGHT = "24:00"
DAY_NAMES = {"Mon": 0, "Tue": 1, "Wed": 2, "Thu": 3, "Fri": 4, "Sat": 5, "Sun": 6}
LANGUAGE_NAMES = {"en": "English", "ht": "Haitian Creole", "acf": "Kwéyòl", "fr": "French", "es": "Spanish"}
CHOICES = {
    "coverage": {"national", "local"},
    "holidays": {"", "open", "closed"},
    "migrants": {"yes", "no", "unknown"},
    "confidential": {"", "service", "location", "phone"},
    "status": {"active", "inactive"},
    "place_confirmed": {"", "yes", "no"},
}
_PHONE = re.compile(r"(\+[1-9]\d{6,14}|\d{3,10})( toll-free)?(?: (sms|whatsapp))?(?: \((.+)\))?")
_HOURS = re.compile(r"([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))?((?: \d\d:\d\d-\d\d:\d\d)+)")


@dataclass(slots=True)
class Rows:
    """What the file says, in the order it can be inserted in. `demo` marks numbers as verified for the demo."""

    demo: frozenset[tuple[str, str]] = frozenset()
    rows: list[tuple[type[Base], dict[str, Any]]] = field(default_factory=list)
    organizations: set[uuid.UUID] = field(default_factory=set)

    def add(self, model: type[Base], **values: Any) -> None:
        self.rows.append((model, values))


def seed_id(*parts: str) -> uuid.UUID:
    """The id of a seeded row: always the same for the same key."""
    return uuid.uuid5(NAMESPACE, "\x1f".join(parts))


def service_id(key: str) -> uuid.UUID:
    """The id of the service with this key in `providers.csv`."""
    return seed_id("service", key)


def read_rows(path: Path, demo: Path | None = None) -> Rows:
    """All rows of a providers file. Raises InvalidInput with one sentence for each wrong line."""
    lines = list(_lines(path, COLUMNS))
    pretended = _lines(demo, ["key", "number"]) if demo else ()
    rows = Rows(frozenset((line["key"], line["number"]) for _, line in pretended))
    keys = [line["key"] for _, line in lines]
    faults = []
    for number, line in lines:
        try:
            _check(line, keys)
            _service(rows, line)
        except ValueError as error:
            faults.append(f"{path.name} line {number} ({line['key'] or 'no key'}): {error}")
    if faults:
        raise InvalidInput("; ".join(faults))
    rows.rows.sort(key=stage)
    return rows


def stage(row: tuple[type[Base], dict[str, Any]]) -> int:
    """Rows of a lower stage must be in the database before those of a higher one."""
    model, values = row
    return _ORDER.index(model) * 2 + bool(values.get("referred_by_id"))


_ORDER: list[type[Base]] = [
    Organization,
    Service,
    ServiceNeed,
    Location,
    LocationAddress,
    ServiceAtLocation,
    Phone,
    Schedule,
    SpokenLanguage,
    RequiredDocument,
]


def _lines(path: Path, columns: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, cells) of a CSV file; lines that start with # are remarks."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {type(error).__name__}") from None
    remarks = [line.startswith("#") for line in text.splitlines()]
    skipped = remarks.index(False) if False in remarks else len(remarks)
    reader = csv.DictReader(text.splitlines(keepends=True)[skipped:], strict=True)
    if list(reader.fieldnames or ()) != columns:
        raise InvalidInput(f"{path.name}: the columns must be {','.join(columns)}")
    try:
        for row in reader:
            cells = {name: (row.get(name) or "").strip() for name in columns}
            if None in row or None in row.values():
                raise InvalidInput(f"{path.name} line {reader.line_num + skipped}: needs {len(columns)} cells")
            yield reader.line_num + skipped, cells
    except csv.Error as error:
        raise InvalidInput(f"{path.name} line {reader.line_num + skipped}: {error}") from None


def _check(line: dict[str, str], keys: list[str]) -> None:
    for column in ("key", "organization", "service", "needs", "source", "coverage"):
        _must(bool(line[column]), f"{column} is empty")
    _must(keys.count(line["key"]) == 1, "key is used twice")
    for column, choices in CHOICES.items():
        _must(line[column] in choices, f"{column} is one of {', '.join(sorted(choices - {''}))}")
    given = [need for need, _ in _needs(line["needs"]) + _needs(line["also"])]
    unknown = [need for need in given if need not in NEEDS]
    _must(not unknown, f"needs: unknown code {', '.join(unknown)}")
    _must(line["parish"] in {"", *(p.name for p in places.parishes())}, "parish is not one of the ten")
    place = places.place_named(line["place"]) if line["place"] else None
    _must(not line["place"] or place is not None, "place is not in places.yml")
    _must(place is None or place.parish == line["parish"], "place is not in that parish")
    _must(line["referred_by"] in {"", *keys} - {line["key"]}, "referred_by is not another key of this file")
    _must(line["source_year"] == "" or re.fullmatch(r"(19|20)\d\d", line["source_year"]), "source_year is not a year")


def _must(right: object, sentence: str) -> None:
    if not right:
        raise ValueError(sentence)


def _service(rows: Rows, line: dict[str, str]) -> None:
    key, service = line["key"], service_id(line["key"])
    organization = seed_id("organization", line["organization"])
    low, high = _ages(line["ages"])
    source = {"source": line["source"], "source_year": int(line["source_year"]) if line["source_year"] else None}
    if organization not in rows.organizations:
        rows.organizations.add(organization)
        rows.add(Organization, id=organization, name=line["organization"])
    rows.add(
        Service,
        id=service,
        organization_id=organization,
        name=line["service"],
        status=line["status"],
        eligibility_description=line["eligibility"] or None,
        minimum_age=low,
        maximum_age=high,
        audience=line["audience"] or None,
        fees_description=line["fees"] or None,
        open_to_migrants=line["migrants"],
        national=line["coverage"] == "national",
        confidential=line["confidential"] == "service",
        referred_by_id=service_id(line["referred_by"]) if line["referred_by"] else None,
        confidence=line["confidence"] or None,
        **source,
    )
    for level, column in enumerate(("needs", "also")):
        for need, part in _needs(line[column]):
            rows.add(ServiceNeed, service_id=service, need=need, rank=level, part=part)
    if line["parish"]:
        _location(rows, line, organization, service, source)
    _phones(rows, line, service, source)
    _schedules(rows, line, service, source)
    for code in _list(line["languages"]):
        _must(code in LANGUAGE_NAMES, f"languages: unknown code {code}")
        name = LANGUAGE_NAMES[code]
        rows.add(SpokenLanguage, id=seed_id("language", key, code), service_id=service, code=code, name=name)
    for document in _list(line["documents"]):
        rows.add(
            RequiredDocument,
            id=seed_id("document", key, document),
            service_id=service,
            document=document,
            migrants_only=True,
        )


def _location(
    rows: Rows, line: dict[str, str], organization: uuid.UUID, service: uuid.UUID, source: dict[str, Any]
) -> None:
    key, location = line["key"], seed_id("location", line["key"])
    rows.add(
        Location,
        id=location,
        organization_id=organization,
        name=line["service"],
        parish=line["parish"],
        place=line["place"] or None,
        place_confirmed=line["place_confirmed"] != "no",
        confidential=line["confidential"] in {"service", "location"},
    )
    if line["address"]:
        rows.add(
            LocationAddress,
            id=seed_id("address", key),
            location_id=location,
            address_1=line["address"],
            city=line["place"],
            state_province=line["parish"],
            **source,
        )
    rows.add(ServiceAtLocation, id=seed_id("at", key), service_id=service, location_id=location)


def _phones(rows: Rows, line: dict[str, str], service: uuid.UUID, source: dict[str, Any]) -> None:
    for order, written in enumerate(_list(line["phones"])):
        match = _PHONE.fullmatch(written)
        if match is None:
            raise ValueError("phones: write +17675550100, or a short code, then 'toll-free', 'sms', '(remark)'")
        number, toll_free, channel, remark = match.groups()
        rows.add(
            Phone,
            id=seed_id("phone", line["key"], number, channel or "voice"),
            service_id=service,
            number=number,
            channel=channel or "voice",
            type="text" if channel == "sms" else "voice",
            toll_free=bool(toll_free),
            description=remark,
            confidential=line["confidential"] in {"service", "phone"},
            demo=(line["key"], number) in rows.demo,
            priority=order,
            **source,
        )


def _schedules(rows: Rows, line: dict[str, str], service: uuid.UUID, source: dict[str, Any]) -> None:
    for days, opens, closes in _hours(line["hours"]):
        rows.add(
            Schedule,
            id=seed_id("schedule", line["key"], days, opens, closes),
            service_id=service,
            freq="WEEKLY",
            byday=days,
            opens_at=_time(opens),
            closes_at=_time(closes),
            on_holidays=line["holidays"] or "unknown",
            **source,
        )


def _hours(text: str) -> Iterator[tuple[str, str, str]]:
    """ "Mon 08:00-13:00 14:00-17:00; Tue-Fri 08:00-16:00" as ("MO", "08:00", "13:00"), ..."""
    for part in _list(text):
        match = _HOURS.fullmatch(part)
        first = DAY_NAMES.get(match[1]) if match else None
        last = DAY_NAMES.get(match[2] or match[1]) if match else None
        if match is None or first is None or last is None or last < first:
            raise ValueError("hours: write 'Mon 08:00-13:00 14:00-17:00; Tue-Fri 08:00-16:00'")
        days = ",".join(DAYS[first : last + 1])
        for interval in match[3].split():
            opens, _, closes = interval.partition("-")
            yield days, opens, closes


def _time(text: str) -> time:
    if text == MIDNIGHT:
        return time(0)
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"hours: {text} is not a time") from None


def _ages(text: str) -> tuple[int | None, int | None]:
    match = re.fullmatch(r"(\d{1,3})?-(\d{1,3})?", text) if text else None
    _must(not text or match, "ages: write '17-24', '60-' or '-17'")
    return (int(match[1]) if match[1] else None, int(match[2]) if match[2] else None) if match else (None, None)


def _needs(text: str) -> list[tuple[str, bool]]:
    """ "health (part); food" as [("health", True), ("food", False)]."""
    return [(one.removesuffix("(part)").strip(), one.endswith("(part)")) for one in _list(text)]


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]
