"""The directory as HSDS JSON: full services, nested as in the standard, with what staff need beside it.

Unlike the API's answers it has every number, verified or not, with who verified it and when, and every source. An
organization, place or term that several services share stands in full where it is met first, and in brief after that.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import Base
from base.errors import InvalidInput
from directory import models as m
from directory.exchange.nesting import ATTRIBUTES, LISTS, OBJECTS, SINGLE
from directory.exchange.tables import Row, rows_to_export
from directory.hsds import terms
from directory.hsds.fields import ENTITIES, OFFSET
from directory.hsds.fields import plain as api_plain

NDJSON = {".ndjson", ".jsonl"}
SHARED = {"organization", "location", "taxonomy_term", "taxonomy", "unit"}
Object = dict[str, Any]


def export(session: Session, path: Path, *, confidential: bool = False) -> tuple[int, int]:
    """Write services to a new file: an array, or one a line for a name that ends in .ndjson.

    Returns (services, rows that hang on no service and are not in this form).
    """
    if path.exists():
        raise InvalidInput("there is such a file already")
    nest = Nest(rows_to_export(session, confidential=confidential))
    path.parent.mkdir(parents=True, exist_ok=True)
    before, between, after = (b"", b"\n", b"\n") if path.suffix in NDJSON else (b"[\n", b",\n", b"\n]\n")
    count = 0
    with path.open("wb") as file:
        file.write(before)
        for count, one in enumerate(nest.services(), 1):
            file.write((between if count > 1 else b"") + orjson.dumps(one))
        file.write(after if count or path.suffix not in NDJSON else b"")
    return count, nest.left_over()


class Nest:
    """Rows of all tables, to be nested. Each is told once in full."""

    def __init__(self, rows: dict[type[Base], list[Row]]) -> None:
        self.rows = rows
        self.by_id = {model: {row["id"]: row for row in found if "id" in row} for model, found in rows.items()}
        self.told: set[tuple[str, uuid.UUID]] = set()
        self.groups = {
            (child, link): self._grouped(OBJECTS[child], link)
            for lists in LISTS.values()
            for child, link in lists.values()
        }
        self.attributes = self._grouped(m.Attribute, "link_id")
        self.needs = self._grouped(m.ServiceNeed, "service_id")

    def services(self) -> Iterator[Object]:
        """Every service in full, by id."""
        for row in self.rows[m.Service]:
            yield self._object("service", row)

    def left_over(self) -> int:
        """Rows that no service holds."""
        held = {model: {key for name, key in self.told if OBJECTS[name] is model} for model in self.by_id}
        return sum(len(rows.keys() - held[model]) for model, rows in self.by_id.items())

    def _grouped(self, model: type[Base], link: str) -> dict[uuid.UUID, list[Row]]:
        groups = defaultdict(list)
        for row in self.rows[model]:
            if row[link] is not None:
                groups[row[link]].append(row)
        return groups

    def _object(self, name: str, row: Row) -> Object:
        found = {key: written(value) for key, value in row.items() if value is not None}
        key = row["id"]
        if (name, key) in self.told and name in SHARED:
            return {field: found[field] for field in ENTITIES[name].required if field in found}
        self.told.add((name, key))
        for field, (child, link) in SINGLE.get(name, {}).items():
            other = self.by_id[OBJECTS[child]].get(row[link])
            if other is not None and field != "service":
                found[field] = self._object(child, other)
        for field, (child, link) in LISTS[name].items():
            if held := self.groups[child, link].get(key):
                found[field] = [self._object(child, one) for one in held]
        attributes = [self._object("attribute", one) for one in self.attributes.get(key, ())] if name in LISTS else []
        attributes += [self._need(one) for one in self.needs.get(key, ())] if name == "service" else []
        return found | ({ATTRIBUTES: attributes} if attributes else {})

    def _need(self, row: Row) -> Object:
        """A need as the API has it; `link_type` is main, part, also, or "also part"."""
        term, kind = terms.terms()[row["need"]], ["also"] if row["rank"] else []
        kind += ["part"] if row["part"] else []
        return {
            "id": str(terms.link_id(row["service_id"], row["need"])), "link_id": str(row["service_id"]),
            "link_entity": "service", "link_type": " ".join(kind) or "main", "taxonomy_term_id": str(term.id),
            "taxonomy_term": api_plain("taxonomy_term", term)
            | {"taxonomy_detail": api_plain("taxonomy", terms.taxonomy())},
        }  # fmt: skip


def written(value: Any) -> Any:
    """A value as JSON has it, without loss: times with their offset, amounts as numbers."""
    if isinstance(value, time):
        return f"{value.isoformat('auto' if value.second or value.microsecond else 'minutes')}{OFFSET}"
    if isinstance(value, datetime):
        return value.astimezone(DOMINICA).isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == int(value) and abs(value) < 2**53 else float(value)
    return str(value) if isinstance(value, uuid.UUID) else value
