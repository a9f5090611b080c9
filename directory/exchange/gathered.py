"""The rows of a file, table by table, with where each was found, before anything is written."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.db import Base
from directory import models as m
from directory.exchange import rules
from directory.exchange.here import here
from directory.exchange.report import Fault, Report
from directory.exchange.tables import (
    LEFT_OUT,
    LOOPS,
    LOOSE,
    MODELS,
    Key,
    Row,
    columns,
    hidden_ids,
    is_secret,
    primary,
    target,
)

OWNERS: dict[type[Base], tuple[str, ...]] = {
    model: tuple(c.name for c in columns(model) if target(c) and c.nullable)
    for model in (m.Phone, m.Schedule, m.DirectoryContact, m.SpokenLanguage, m.ServiceArea, m.Location)
}
MOST_ABOVE = 50  # rows in a chain of parents
SHARED = {"service_id", "organization_id", "location_id", "service_at_location_id", "contact_id"}


@dataclass(slots=True)
class Gathered:
    """`rows` by table and key; `gone`: rows to be taken away; `found_at`: (file, row number) of each row; `secret`: ids
    of what this import must not touch, by table (known once it is checked)."""

    report: Report
    rows: dict[type[Base], dict[Key, Row]] = field(default_factory=lambda: {model: {} for model in MODELS})
    gone: dict[type[Base], list[Row]] = field(default_factory=dict)
    found_at: dict[type[Base], dict[Key, tuple[str, int]]] = field(default_factory=lambda: {one: {} for one in MODELS})
    secret: dict[str, set[uuid.UUID]] = field(default_factory=dict)

    def add(self, model: type[Base], row: Row, file: str, number: int) -> None:
        """Take a row up, unless the key has been there: that is a fault."""
        key = tuple(row.get(name) for name in primary(model))
        if rules.ownerless(model, row):
            self.report.notes[f"{file}: rows that belong to nothing are left out"] += 1
            return
        if key in self.rows[model]:
            self.report.fault(Fault(file, "this id is there twice", number, ", ".join(primary(model))))
        for name, wrong, expected in rules.of_row(model, row):
            self.report.fault(Fault(file, wrong, number, name, expected))
        self.rows[model][key] = row
        self.found_at[model][key] = file, number

    def merge(self, model: type[Base], row: Row, file: str, number: int) -> None:
        """Take a row up that a nested file may hold several times: what one copy leaves open another may say."""
        key = tuple(row.get(name) for name in primary(model))
        before = self.rows[model].get(key)
        if before is None:
            self.add(model, row, file, number)
            return
        if model is m.Url and (other := _other_owner(before, row)):
            self.report.notes["url: the same id at a service and its organization; it stays at the first"] += 1
            row = {name: value for name, value in row.items() if name != other}
        for name, value in row.items():
            if before.setdefault(name, value) == value:
                continue
            if name in SHARED and model is not m.Service:
                self.report.notes[f"{model.__tablename__}: the same id at two {name}; it stays at the first"] += 1
            else:
                told = "the same id is there with another value"
                self.report.fault(Fault(file, told, number, f"{model.__tablename__} {name}"))

    def check(self, session: Session, *, confidential: bool) -> None:
        """What the rows say about each other, and about what is here."""
        self.secret = {} if confidential else hidden_ids(session)
        self._check_links(session, confidential=confidential)
        self._check_loops(session)
        self._check_unique(session)
        self._check_gone(session)

    def _check_gone(self, session: Session) -> None:
        """A place of a service is taken away only when nothing hangs on it: an import would lose numbers."""
        sites = {(row["id"],): row["service_id"] for row in self.gone.get(m.ServiceAtLocation, ())}
        held = set[Any]()
        for model in (m.Phone, m.Schedule, m.DirectoryContact, m.ServiceArea):
            rows = here(session, model, list(sites), by="service_at_location_id", hidden=True).values()
            held |= {sites[row["service_at_location_id"],] for row in rows}
        for service in held:
            wrong = "a place cannot be taken away: numbers, hours, contacts or areas hang on it"
            self._fault(m.Service, (service,), "parish", wrong, "the place as it was, or these moved first")

    def _fault(self, model: type[Base], key: Key, name: str, wrong: str, expected: str = "") -> None:
        file, number = self.found_at[model][key]
        self.report.fault(Fault(file, wrong, number, name, expected))

    def _check_links(self, session: Session, *, confidential: bool) -> None:
        """Everything pointed at must be in the file, or here and not hidden."""
        tables: dict[str | None, type[Base]] = {model.__tablename__: model for model in self.rows}
        for model, rows in self.rows.items():
            for column in columns(model):
                other = tables.get(target(column))
                if other is None:
                    continue
                known, name = self.rows[other], column.name
                missing = {row[name] for row in rows.values() if row.get(name) and (row[name],) not in known}
                missing -= here(session, other, [(one,) for one in missing], hidden=confidential).keys()
                if missing:
                    self._missing(model, name, other.__tablename__, missing)

    def _missing(self, model: type[Base], name: str, table: str, missing: set[Any]) -> None:
        if model.__tablename__ in LEFT_OUT:  # the standard's own example names what it does not have
            gone = [key for key, row in self.rows[model].items() if row[name] in missing]
            self.report.notes[f"{model.__tablename__} {name}: it names none in the file; left out"] += len(gone)
            for key in gone:
                del self.rows[model][key]
            return
        for key, row in self.rows[model].items():
            if row.get(name) not in missing:
                continue
            if name in LOOSE or (name in OWNERS.get(model, ()) and self._held_elsewhere(model, row, name)):
                self.report.notes[f"{model.__tablename__} {name}: it names none in the file; left empty"] += 1
                row[name] = None
            else:
                self._fault(model, key, name, f"{row[name]} is not in {table}", "an id that the file has")

    def _held_elsewhere(self, model: type[Base], row: Row, name: str) -> bool:
        """Whether the row hangs on something else too; a place needs no owner."""
        others = (row.get(one) for one in OWNERS[model] if one != name)
        return model is m.Location or any(other is not None for other in others)

    def _check_loops(self, session: Session) -> None:
        """Also by way of rows that are here: the file may close a chain that began here."""
        for model in MODELS:
            link, told = LOOPS.get(model.__tablename__), set[Any]()
            above = self._above(session, model, link) if link else {}
            for start in self.rows[model] if link else ():
                path, at = dict[Any, None](), start[0]
                while at and at not in path and len(path) < MOST_ABOVE:
                    path[at] = None
                    at = above.get(at)
                if at and not told & path.keys():
                    named = at if (at,) in self.rows[model] else start[0]  # what is here may be hidden
                    wrong = f"{named} leads back to itself" if at in path else f"more than {MOST_ABOVE} stand above it"
                    self._fault(model, start, str(link), wrong, "a chain that has an end")
                told |= path.keys() if at else set()

    def _above(self, session: Session, model: type[Base], link: str) -> dict[Any, Any]:
        """What each row will point at when the file is in."""
        said = {key[0]: row[link] for key, row in self.rows[model].items() if link in row}
        if not any(said.values()):
            return said
        columns_ = model.__table__.c
        rows = session.execute(select(columns_.id, columns_[link]).where(columns_[link].is_not(None)))
        return {key: other for key, other in rows} | said  # noqa: C416 (rows are no pairs to dict)

    def _check_unique(self, session: Session) -> None:
        """Not about what hangs on something hidden: it is left out without a word."""
        for model, names in rules.UNIQUE.items():
            seen = dict[Key, Key]()
            for key, values in self._unique_keys(session, model, names):
                named = dict(zip(names, values, strict=True))
                if seen.setdefault(values, key) != key and not is_secret(model, named, None, self.secret):
                    where = key if key in self.rows[model] else seen[values]
                    self._fault(model, where, ", ".join(names), "the same is there under another id", "each only once")

    def _unique_keys(self, session: Session, model: type[Base], names: tuple[str, ...]) -> Iterator[tuple[Key, Key]]:
        for key, row in self.rows[model].items():
            yield key, tuple(row.get(name) for name in names)
        first = list({row.get(names[0]) for row in self.rows[model].values()})
        for one, row in here(session, model, [(value,) for value in first], by=names[0], hidden=True).items():
            if (one,) not in self.rows[model]:
                yield (one,), tuple(row[name] for name in names)


def _other_owner(before: Row, row: Row) -> str | None:
    """An owner that the row names although it has another already."""
    mine = next((name for name in ("organization_id", "service_id") if before.get(name)), None)
    return next((n for n in ("organization_id", "service_id") if n != mine and row.get(n)), None) if mine else None
