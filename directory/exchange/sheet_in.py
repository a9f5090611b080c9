"""The one-sheet spreadsheet as rows: only what a cell says differently from the directory becomes a change.

What its plain columns cannot show (a rule with dates, a second language of a text, who verified a number) is in the
column `more`, what hangs on a place, a contact or the organization in `records`; where these are empty, it stays.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from base.errors import InvalidInput
from directory import models as m
from directory.exchange import sheet_files, sheet_records, words
from directory.exchange.gathered import Gathered
from directory.exchange.report import Fault, Said
from directory.exchange.sheet_columns import NAMES, NEEDED, OF_PLACE, OF_SERVICE
from directory.exchange.sheet_place import Places
from directory.exchange.sheet_service import ServiceCells
from directory.exchange.sheet_view import Cells, View
from directory.exchange.tables import Row, rows_to_export
from directory.seed_rows import seed_id

Line = tuple[int, Cells]
EVERY = 5_000


def read(session: Session, path: Path, gathered: Gathered, said: Said, *, confidential: bool) -> None:
    """Take up what the sheet says. Raises InvalidInput when it is no such sheet."""
    head, lines = sheet_files.read(path, gathered.report)
    missing = [name for name in NEEDED if name not in head]
    unknown = [name[:40] for name in head if name not in NAMES]
    if missing or unknown or len(set(head)) != len(head):
        wrong = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
        raise InvalidInput(f"columns: {'; '.join(wrong) or 'one is there twice'}. Known: {', '.join(NAMES)}")
    view = View(rows_to_export(session, confidential=confidential))
    sheet = Sheet(gathered, path.name, view, hidden=_hidden(session, view))
    for count, (key, group) in enumerate(sheet.groups(lines), 1):
        sheet.take(key, group)
        if count % EVERY == 0:
            said(f"{path.name}: {count} services read")


def _hidden(session: Session, view: View) -> set[uuid.UUID]:
    return set(session.scalars(m.Service.__table__.select().with_only_columns(m.Service.id))) - view.services.keys()


class Sheet:
    """One file against what is here. `hidden`: services that this import must not touch."""

    def __init__(self, gathered: Gathered, file: str, view: View, *, hidden: set[uuid.UUID]) -> None:
        self.gathered, self.file, self.view, self.hidden = gathered, file, view, hidden
        self.organizations = view.former | {name: key for key, name in sorted(view.organizations.items(), reverse=True)}

    def groups(self, lines: Iterable[Line]) -> Iterator[tuple[uuid.UUID, list[Line]]]:
        """The lines of each service, by id or, for a new one, by its names."""
        found: dict[uuid.UUID, list[Line]] = {}
        for number, cells in lines:
            try:
                given = cells.get("id", "")
                key = uuid.UUID(given) if given else seed_id("sheet", cells["organisation"], cells["service"])
                found.setdefault(key, []).append((number, cells))
            except ValueError:
                self.fault(number, "id", "is no id", "what the export wrote, or nothing for a new service")
        yield from found.items()

    def fault(self, number: int, name: str, wrong: str, expected: str = "") -> None:
        """Something wrong with a cell."""
        self.gathered.report.fault(Fault(self.file, wrong, number, name, expected))

    def take(self, key: uuid.UUID, lines: Sequence[Line]) -> None:
        """All lines of a service."""
        number, first = lines[0]
        for other, cells in lines[1:]:
            for name in OF_SERVICE:
                if cells.get(name, "") not in {"", first.get(name, "")}:
                    self.fault(other, name, f"says something else than row {number} of the same service", "the same")
        if key in self.hidden:
            self.gathered.report.unchanged += 1
            return
        if not self._complete(number, first):
            return
        before = self.view.cells(key) if key in self.view.services else None
        changed = {
            name: first[name] for name in OF_SERVICE if name in first and first[name] != (before or {}).get(name)
        }
        service = ServiceCells(self.view, key, number, self.fault)
        links, recorded = self._records(changed, number)
        row = service.row(changed, new=before is None)
        row = self._organization(row, changed, number, recorded, links if before is None else {})
        row |= {name: value for name, value in links.items() if name != "organization_id"}
        if before is None or "confidential" in first:
            row["confidential"] = "service" in self._flags(first, number)
        self._add(m.Service, row, number)
        self._put(service, number)
        if any(name in first for name in OF_PLACE):
            recorded = _still_said(recorded, [cells for _, cells in lines])
            places = Places(self.view, key, first["service"], self.fault, recorded)
            places.take([(at, cells, "place" in self._flags(cells, at)) for at, cells in lines])
            recorded = sheet_records.without(recorded, (gone["id"] for _, gone in places.gone))
            self._put(places, number, recorded)
        for (model, _), said in recorded.items():
            self.gathered.merge(model, said, self.file, number)

    def _records(self, changed: Cells, number: int) -> tuple[Row, sheet_records.Recorded]:
        try:
            return sheet_records.read(changed.get("records", ""))
        except ValueError as error:
            wrong, _, expected = str(error).partition("; expected: ")
            self.fault(number, "records", wrong, expected)
            return {}, {}

    def _complete(self, number: int, cells: Cells) -> bool:
        empty = [name for name in ("organisation", "service") if not cells[name]]
        for name in empty:
            self.fault(number, name, "is empty", "a name")
        return not empty

    def _flags(self, cells: Cells, number: int) -> set[str]:
        flags = {one.strip() for one in cells.get("confidential", "").lower().split(";") if one.strip()}
        if flags - {"service", "place"}:
            self.fault(number, "confidential", "is not known", "empty, service, place, or service; place")
        return flags

    def _organization(self, row: Row, changed: Cells, number: int, recorded: sheet_records.Recorded, links: Row) -> Row:
        if "organisation" not in changed:
            return row
        name, given = changed["organisation"], links.get("organization_id")
        known = recorded.get((m.Organization, given)) if given else None
        if known and words.tidy(known["name"]) == name:
            return row | {"organization_id": given}
        if name not in self.organizations:
            self.organizations[name] = seed_id("organization", name)
            self._add(m.Organization, {"id": self.organizations[name], "name": name}, number)
        return row | {"organization_id": self.organizations[name]}

    def _put(self, part: ServiceCells | Places, number: int, recorded: sheet_records.Recorded | None = None) -> None:
        for model, row in part.rows:
            said = (recorded or {}).pop((model, row["id"]), {}) if "id" in row else {}
            if model is m.Location:
                self.gathered.merge(model, said | row, self.file, number)
            else:
                self._add(model, said | row, number)
        for model, row in part.gone:
            self.gathered.gone.setdefault(model, []).append(row)

    def _add(self, model: Any, row: Row, number: int) -> None:
        self.gathered.add(model, row, self.file, number)


def _still_said(recorded: sheet_records.Recorded, lines: Sequence[Cells]) -> sheet_records.Recorded:
    """Without the places whose row somebody took out of the sheet, and without what hangs on them."""
    said = {cells.get("place_id", "") for cells in lines}
    return sheet_records.without(
        recorded, [key for model, key in recorded if model is m.Location and str(key) not in said]
    )
