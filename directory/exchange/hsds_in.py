"""HSDS JSON as rows: services, organizations, places or terms; an array, a page of an API, or one object a line."""

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from base.errors import InvalidInput
from directory import models as m
from directory.exchange import cells, rules
from directory.exchange.gathered import Gathered
from directory.exchange.hsds_out import NDJSON
from directory.exchange.nesting import ATTRIBUTES, LISTS, OBJECTS, SINGLE
from directory.exchange.report import Fault, Said
from directory.exchange.tables import Row, columns
from directory.hsds import terms
from directory.hsds.objects import VERIFICATION

LARGEST, LARGEST_WHOLE = 1024**3, 200 * 1024**2  # bytes; an array is read whole, larger files come one object a line
LONGEST_TEXT = 100_000
DEEPEST, LONGEST_PATH = 60, 80  # objects in each other; letters of a path that are told
EVERY = 5_000  # objects between two words of progress
SERVICE_ONLY = {"status", "organization", "organization_id", "service_at_locations", "program"}
HELD = LISTS | {"organization": LISTS["organization"] | {"services": ("service", "organization_id")}}
KNOWN = {name: {*held, *SINGLE.get(name, ()), ATTRIBUTES} for name, held in HELD.items()}
Reads = dict[str, Callable[[Any], Any]]


def read(path: Path, gathered: Gathered, said: Said) -> None:
    """Take up all objects of a file. Raises InvalidInput when it is no HSDS JSON."""
    if path.is_dir():
        raise InvalidInput("it is a folder; this form is one file")
    most = LARGEST if path.suffix in NDJSON else LARGEST_WHOLE
    if path.stat().st_size > most:
        raise InvalidInput(f"it is larger than {most // 1024**2} MB; larger files end in .ndjson, one object a line")
    taker = Taker(gathered, path.name)
    for number, one in _objects(path):
        taker.number = number
        taker.top(one)
        if number % EVERY == 0:
            said(f"{path.name}: {number} objects read")


def _objects(path: Path) -> Iterator[tuple[int, Any]]:
    if path.suffix in NDJSON:
        yield from _each_line(path)
        return
    text = path.read_bytes()
    if text[:100].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"[", b"{"}:
        raise InvalidInput("it is not JSON: it begins with neither [ nor {")
    try:
        whole = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"it is not JSON: line {error.lineno}, sign {error.colno}") from None
    if isinstance(whole, dict) and isinstance(whole.get("contents"), list):
        whole = whole["contents"]
    yield from enumerate(whole if isinstance(whole, list) else [whole], 1)


def _each_line(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    yield number, orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InvalidInput(f"line {number} is not JSON: sign {error.colno}") from None


def kind_of(one: dict[str, Any]) -> str:
    """Which object it is, by the fields it has."""
    if "location" in one and "service" in one:
        return "service_at_location"
    if SERVICE_ONLY & one.keys():
        return "service"
    if "location_type" in one:
        return "location"
    if {"taxonomy_detail", "taxonomy_id", "parent_id", "code"} & one.keys():
        return "taxonomy_term"
    return "taxonomy" if "version" in one else "organization"


class Taker:
    """Takes objects apart. `number` is that of the object at the top."""

    def __init__(self, gathered: Gathered, file: str) -> None:
        self.gathered, self.file, self.number = gathered, file, 0
        self.reads: dict[str, Reads] = {
            name: {column.name: _reader(model, column) for column in columns(model)} for name, model in OBJECTS.items()
        }
        self.needed = {
            name: [c.name for c in columns(model) if not c.nullable and not c.server_default]
            for name, model in OBJECTS.items()
        }
        self.needed["service"].append("status")

    def top(self, one: Any) -> None:
        """One object of the file."""
        if not isinstance(one, dict):
            self._fault("", "is no object", "an HSDS service, organization, location or term")
            return
        self._take(kind_of(one), one, {}, "")

    def _take(self, name: str, one: Any, links: Row, path: str) -> Any:
        """Take an object and all it holds; its id, or None when it has none."""
        if not isinstance(one, dict):
            self._fault(path.rstrip("."), "is no object", f"an HSDS {name}")
            return None
        if path.count(".") > DEEPEST:
            self._fault(path[:LONGEST_PATH], "is nested too deep", f"at most {DEEPEST} objects in each other")
            return None
        faults = len(self.gathered.report.faults)
        row = links | self._values(name, one, path)
        for field, (child, link) in SINGLE.get(name, {}).items():
            if one.get(field) is not None:
                own = {"organization_id": row.get("organization_id")} if child == "program" else {}
                row[link] = self._take(child, one[field], own, f"{path}{field}.")
        key = row.get("id")
        missing = [field for field in self.needed[name] if row.get(field) is None]
        if missing and len(self.gathered.report.faults) == faults:
            self._fault(path + missing[0], "is needed", f"a value for each {name}")
        if key is not None and not missing:
            self.gathered.merge(OBJECTS[name], row, self.file, self.number)
            self._lists(name, one, key, path)
        return key

    def _values(self, name: str, one: dict[str, Any], path: str) -> Row:
        row, reads = Row(), self.reads[name]
        for field, value in one.items():
            reader = reads.get(field)
            if reader is None:
                if field not in KNOWN[name]:
                    self.gathered.report.notes[f"{name}.{field}: this directory has no such field; left out"] += 1
                continue
            try:
                if value is not None:
                    row[field] = reader(value)
                elif field not in self.needed[name]:
                    row[field] = None
            except ValueError as error:
                self._fault(path + field, str(error))
        if row.get("verified_on") and not row.get("verified_by"):  # the API does not say who
            del row["verified_on"]
        return row

    def _lists(self, name: str, one: dict[str, Any], key: Any, path: str) -> None:
        held = HELD[name]
        for field in [each for each in held if each in one]:
            child, link = held[field]
            for at, each in enumerate(self._list(one, field, path)):
                self._take(child, each, {link: key}, f"{path}{field}[{at}].")
        if ATTRIBUTES not in one:
            return
        for at, each in enumerate(self._list(one, ATTRIBUTES, path)):
            self._attribute(name, each, key, f"{path}{ATTRIBUTES}[{at}].")

    def _list(self, one: dict[str, Any], field: str, path: str) -> list[Any]:
        found = one.get(field) or []
        if isinstance(found, list):
            return found
        self._fault(path + field, "is no list", "a list of objects")
        return []

    def _attribute(self, name: str, one: Any, key: Any, path: str) -> None:
        if not isinstance(one, dict):
            self._fault(path.rstrip("."), "is no object", "an HSDS attribute")
        elif one.get("link_type") == VERIFICATION and one.get("id") == str(terms.link_id(key, VERIFICATION)):
            return  # made by the API from the number itself
        elif (made := _ELIGIBLE.get(_term(one))) and one.get("id") == str(terms.eligibility_link(key, made)):
            return  # made by the API from a need, which is there too
        elif name == "service" and (need := _need(one)):
            kind = str(one.get("link_type")).split()
            row = {"service_id": key, "need": need, "rank": int("also" in kind), "part": "part" in kind}
            self.gathered.merge(m.ServiceNeed, row, self.file, self.number)
        else:
            self._take("attribute", {"link_entity": name} | one, {"link_id": key}, path)

    def _fault(self, field: str, wrong: str, expected: str = "") -> None:
        self.gathered.report.fault(Fault(self.file, wrong, self.number, field, expected))


def _need(one: dict[str, Any]) -> str | None:
    return _OWN.get(_term(one))


def _term(one: dict[str, Any]) -> str:
    """The id of an attribute's term; empty where there is none."""
    term = one.get("taxonomy_term")
    wanted = one.get("taxonomy_term_id") or (term.get("id") if isinstance(term, dict) else None)
    return wanted if isinstance(wanted, str) else ""


_ELIGIBLE = {str(term.id): need for need, term in terms.eligibility_terms().items()}
_OWN = {str(term.id): need for need, term in terms.terms().items()}


def _reader(model: Any, column: Any) -> Callable[[Any], Any]:
    """A function from a JSON value to this column's. It raises ValueError with a sentence."""
    kind, from_text, check = column.type.python_type, cells.reader(model, column), rules.for_column(model, column)

    def value_of(value: Any) -> Any:
        if kind is str and isinstance(value, str) and len(value) <= LONGEST_TEXT and "\x00" not in value:
            return check(value) if check else value
        if kind is uuid.UUID and isinstance(value, str):
            return from_text(value)
        if kind is str:
            value = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            if not isinstance(value, str) or "\x00" in value or len(value) > LONGEST_TEXT:
                raise ValueError("must be a text without odd signs, not too long")
            return check(value) if check else value
        if isinstance(value, bool) != (kind is bool) or isinstance(value, list | dict):
            raise ValueError(f"must be {cells.KINDS.get(kind, 'true or false')}")
        if isinstance(value, bool):
            return value
        if isinstance(value, float) and kind is int and value.is_integer():
            value = int(value)
        return Decimal(repr(value)) if kind is Decimal and isinstance(value, int | float) else from_text(str(value))

    return value_of
