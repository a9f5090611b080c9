"""Loads the seed of the directory. Loading again changes nothing, and never undoes what a person has changed."""

import hashlib
import uuid
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from base.db import Base
from directory.models import Phone, RequiredDocument, Schedule, SeedRow, ServiceNeed, SpokenLanguage
from directory.seed_rows import Rows, read_rows, stage

DATA = Path(__file__).parent / "data"
PROVIDERS, DEMO = DATA / "providers.csv", DATA / "demo_verified.csv"
LEAVES = (Phone, Schedule, SpokenLanguage, RequiredDocument, ServiceNeed)  # nothing else points at these


@dataclass(slots=True)
class Counts:
    """What a load did, in rows. `kept` were edited or removed by a person since, and are left as they are."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: int = 0
    removed: int = 0


def seed(session: Session, *, demo: bool, path: Path = PROVIDERS) -> Counts:
    """Load the providers file. `demo` marks the numbers of demo_verified.csv as verified for the demo.

    The whole file or nothing: InvalidInput names each wrong line and the session is not touched.
    """
    rows = read_rows(path, DEMO if demo else None)
    load = _Load(session, {(row.entity, row.key): row for row in session.scalars(select(SeedRow))})
    for _, stage_rows in groupby(rows.rows, key=stage):
        for model, values in stage_rows:
            load.put(model, values)
        session.flush()
    load.drop(rows)
    session.flush()
    return load.counts


@dataclass(slots=True)
class _Load:
    """One load: what the seed wrote before, and what this one has done."""

    session: Session
    written: dict[tuple[str, str], SeedRow]
    counts: Counts = field(default_factory=Counts)

    def put(self, model: type[Base], values: dict[str, Any]) -> None:
        """Insert or update one row, unless a person has changed or removed it."""
        key, wanted = _key(model, values), fingerprint(values)
        before = self.written.get((model.__tablename__, key))
        row = self.session.get(model, _primary(model, values))
        if row is None and before is None:
            self._add(model, key, values, wanted)
        elif row is not None and before is not None and before.fingerprint == wanted:
            self.counts.unchanged += 1
        elif row is None or before is None or before.fingerprint != _now_in(row, before):
            self.counts.kept += 1
        else:
            for name, value in values.items():
                setattr(row, name, value)
            before.fingerprint = wanted
            self.counts.updated += 1

    def _add(self, model: type[Base], key: str, values: dict[str, Any], wanted: str) -> None:
        self.session.add(model(**values))
        self.session.add(SeedRow(entity=model.__tablename__, key=key, fingerprint=wanted))
        self.counts.added += 1

    def drop(self, rows: Rows) -> None:
        """Take out phones, hours and the like that the file no longer has and nobody has touched or verified."""
        present = {(model.__tablename__, _key(model, values)) for model, values in rows.rows}
        leaves = {model.__tablename__: model for model in LEAVES}
        for (entity, key), before in self.written.items():
            if (entity, key) in present or entity not in leaves:
                continue
            row = self.session.get(leaves[entity], _parse(leaves[entity], key))
            if row is None or getattr(row, "verified_on", None) or before.fingerprint != _now_in(row, before):
                continue
            self.session.delete(row)
            self.session.delete(before)
            self.counts.removed += 1


def fingerprint(values: dict[str, Any]) -> str:
    """The columns the seed wrote, and a short digest of what it wrote in them."""
    text = "\x1f".join(f"{name}={values[name]!s}" for name in sorted(values))
    return f"{','.join(sorted(values))}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _now_in(row: Base, before: SeedRow) -> str:
    return fingerprint({name: getattr(row, name) for name in before.fingerprint.partition(":")[0].split(",")})


def _names(model: type[Base]) -> list[str]:
    return [column.name for column in inspect(model).primary_key]


def _primary(model: type[Base], values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(values[name] for name in _names(model))


def _key(model: type[Base], values: dict[str, Any]) -> str:
    return "|".join(str(part) for part in _primary(model, values))


def _parse(model: type[Base], key: str) -> tuple[Any, ...]:
    pairs = zip(_names(model), key.split("|"), strict=True)
    return tuple(uuid.UUID(part) if name.endswith("id") else part for name, part in pairs)
