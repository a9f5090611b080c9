"""The cells of a service that changed, as rows to write and rows to take away."""

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from base.db import Base
from directory import models as m
from directory import places
from directory.exchange import words
from directory.exchange.sheet_columns import STATUSES, TEXTS
from directory.exchange.sheet_view import WHOLE_ISLAND, Cells, View, in_order, showable
from directory.exchange.tables import Row
from directory.needs import NEEDS
from directory.seed_rows import LANGUAGE_NAMES, seed_id

Told = Callable[[int, str, str, str], None]
MIGRANTS = ("yes", "no", "unknown")
LANGUAGES = {name.lower(): code for code, name in LANGUAGE_NAMES.items()} | {
    "kweyol": "acf", "creole": "acf", "patois": "acf", "haitian": "ht", "kreyol": "ht", "kreyòl": "ht",
}  # fmt: skip


class ServiceCells:
    """Reads one service's cells. `rows` and `gone` are for the database."""

    def __init__(self, view: View, key: uuid.UUID, number: int, told: Told) -> None:
        self.view, self.key, self.number, self.told = view, key, number, told
        self.rows = list[tuple[type[Base], Row]]()
        self.gone = list[tuple[type[Base], Row]]()
        self.source = Row()

    def row(self, changed: Cells, *, new: bool) -> Row:
        """The service's own row, of the changed cells; the rows it holds are in `rows` and `gone`."""
        found = Row(id=self.key)
        if new:
            found |= {"status": "active", "open_to_migrants": "unknown", "national": False}
        for name, cell in changed.items():
            try:
                found |= self._read(name, cell)
            except ValueError as error:
                wrong, _, expected = str(error).partition("; expected: ")
                self.told(self.number, name, wrong, expected)
        self.source = {n: found.get(n) for n in ("source", "source_year", "source_date")} if new else {}
        for _, row in self.rows if new else ():
            if "number" in row or "freq" in row:
                row.update(self.source)
        return found

    def _read(self, name: str, cell: str) -> Row:
        if name in TEXTS:
            return {TEXTS[name]: cell or None}
        match name:
            case "status":
                return {"status": _one_of(cell or "active", STATUSES)}
            case "takes_migrants":
                return {"open_to_migrants": _one_of(cell or "unknown", MIGRANTS)}
            case "ages":
                return _ages(cell)
            case "source_date":
                return _source_date(cell)
            case "referring_office":
                return {"referred_by_id": _uuid(cell)}
            case "needs" | "also_helps_with":
                self._needs(cell, also=name != "needs")
            case "phones":
                self._phones(cell)
            case "hours":
                self._hours(cell)
            case "languages":
                self._languages(cell)
            case "papers_asked" | "papers_asked_of_migrants":
                self._papers(cell, migrants=name.endswith("migrants"))
            case "serves":
                return self._serves(cell)
        return {}

    def _here(self, model: Any) -> list[Row]:
        return self.view.held[model].get(self.key, [])

    def _set(self, model: Any, here: Sequence[Row], wanted: dict[Any, Row], key_of: Callable[[Row], Any]) -> None:
        """Make the rows that are here those that are wanted. What is the same keeps its id and all else it says."""
        left = dict(wanted)
        for row in here:
            values = left.pop(key_of(row), None)
            if values is None:
                self.gone.append((model, row))
            elif any(row[name] != value for name, value in values.items()):
                self.rows.append((model, {"id": row["id"]} | values))
        for key, values in left.items():
            made = seed_id("sheet", str(self.key), model.__tablename__, repr(key))
            self.rows.append((model, {"id": made, "service_id": self.key} | values))

    def _needs(self, cell: str, *, also: bool) -> None:
        here = {row["need"]: row for row in self._here(m.ServiceNeed) if bool(row["rank"]) == also}
        for item in words.split(cell):
            need = re.sub(r"\s*\(part\)$", "", item).lower().replace(" ", "_")
            if need not in NEEDS:
                raise ValueError(f"'{need[:40]}' is no need code; expected: some of {', '.join(NEEDS)}")
            row = {"service_id": self.key, "need": need, "rank": int(also), "part": item.endswith("(part)")}
            here.pop(need, None)
            self.rows.append((m.ServiceNeed, row))
        named = {row["need"] for model, row in self.rows if model is m.ServiceNeed}
        self.gone = [(model, row) for model, row in self.gone if row.get("need") not in named]
        self.gone += [(m.ServiceNeed, row) for need, row in here.items() if need not in named]

    def _phones(self, cell: str) -> None:
        here = in_order(self._here(m.Phone))
        read = [words.read_phone(item) for item in words.split(cell)]
        wanted = {_dialled(row): row | {"priority": order} for order, row in enumerate(read)}
        if len(wanted) != len(read):
            raise ValueError("the same number is there twice; expected: each number once")
        for row in here:
            new = wanted.get(_dialled(row))
            if new and new["type"] in {"voice", "text"} and row["type"] not in words.TYPES:
                del new["type"]
        self._set(m.Phone, here, wanted, _dialled)

    def _hours(self, cell: str) -> None:
        here = [row for row in self._here(m.Schedule) if words.sayable(row)]
        wanted = {_rule(row): row for row in words.read_hours(cell)}
        self._set(m.Schedule, here, wanted, _rule)

    def _languages(self, cell: str) -> None:
        codes = [LANGUAGES.get(one.lower(), one) for one in words.split(cell.replace(",", ";"))]
        for code in codes:
            if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", code):
                raise ValueError(f"'{code[:40]}' is no language; expected: {', '.join(LANGUAGE_NAMES)}")
        names = {code: {"name": LANGUAGE_NAMES[code]} if code in LANGUAGE_NAMES else {} for code in codes}
        here = self._here(m.SpokenLanguage)
        known = {words.tidy(row["code"]): row["name"] for row in here}
        wanted: dict[Any, Row] = {c: {"code": c} if c in known else {"code": c} | names[c] for c in codes}
        self._set(m.SpokenLanguage, here, wanted, lambda row: words.tidy(row["code"]))

    def _papers(self, cell: str, *, migrants: bool) -> None:
        here = [row for row in self._here(m.RequiredDocument) if row["migrants_only"] is migrants]
        by_text = {words.tidy(row["document"]): row["document"] for row in here}
        wanted: dict[Any, Row] = {
            (one, migrants): {"document": by_text.get(one, one), "migrants_only": migrants} for one in words.split(cell)
        }
        self._set(m.RequiredDocument, here, wanted, lambda row: (words.tidy(row["document"]), migrants))

    def _serves(self, cell: str) -> Row:
        if cell.lower() == WHOLE_ISLAND:
            return {"national": True}
        wanted: dict[Any, Row] = {}
        parishes = [parish.name for parish in places.parishes()]
        for item in words.split(cell):
            parish, _, village = (part.strip() for part in item.partition(":"))
            if parish not in parishes:
                raise ValueError(f"'{parish[:40]}' is no parish; expected: {WHOLE_ISLAND}, or {', '.join(parishes)}")
            wanted[parish, village] = {"parish": parish, "place": village or None}
        here = showable({m.ServiceArea: self._here(m.ServiceArea)})
        self._set(m.ServiceArea, here, wanted, lambda row: (row["parish"], row["place"] or ""))
        return {"national": False}


def _dialled(row: Row) -> tuple[Any, ...]:
    return row["number"], row["extension"], row["channel"]


def _rule(row: Row) -> tuple[Any, ...]:
    return (
        *(row[name] for name in ("freq", "opens_at", "closes_at", "on_holidays")),
        frozenset(row["byday"].split(",")),
    )


def _one_of(cell: str, choices: Sequence[str]) -> str:
    if cell.lower() not in choices:
        raise ValueError(f"is not one of the known words; expected: {', '.join(choices)}")
    return cell.lower()


def _ages(cell: str) -> Row:
    match = re.fullmatch(r"(\d{1,3})?\s*-\s*(\d{1,3})?", cell) if cell else None
    if cell and not match:
        raise ValueError("are no ages; expected: 12-17, 60- or -17")
    low, high = (int(one) if one else None for one in match.groups()) if match else (None, None)
    return {"minimum_age": low, "maximum_age": high}


def _source_date(cell: str) -> Row:
    if not cell:
        return {"source_date": None, "source_year": None}
    if re.fullmatch(r"\d{1,4}", cell):
        return {"source_date": None, "source_year": int(cell)}
    try:
        day = date.fromisoformat(cell)
    except ValueError:
        raise ValueError("is no date; expected: 2026 or 2026-11-23") from None
    return {"source_date": day, "source_year": day.year}


def _uuid(cell: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(cell) if cell else None
    except ValueError:
        raise ValueError("is no id; expected: the id of another service of this sheet or of the directory") from None
