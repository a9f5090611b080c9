"""Where which need is met, and where it is not: needs by parish or health district, from what may be told.

Nothing confidential is counted anywhere, and what the referring office of a confidential service stands for is not
counted as its own. Services for the whole island, or at no place that may be told, stand in a column of their own: put
into every area they would hide the gaps.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from directory import places
from directory.index import VERIFIED_PHONE, Entry, Index
from directory.needs import NEEDS

EVERYWHERE = "Whole island"
NO_DISTRICT = "District not known"
NO_PARISH = "No place said"
FEWEST = 5  # searches below this many are not told: they could be one person's
KREYOL = "ht"
Areas = Callable[[Entry], set[str]]
KEPT_BACK = f"<{FEWEST}"  # also written for more, where they would tell fewer (dashboard.reports.suppress)
Unmet = Mapping[tuple[str, str | None], int | None]  # (need, area, None: not known) -> searches, None: kept back
NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Cell:
    """One need in one area: services, and of them with a verified number, known to serve migrants, speaking Kreyol.

    `unmet` are searches that found nothing there; None: kept back.
    """

    services: int = 0
    verified: int = 0
    migrants: int = 0
    kreyol: int = 0
    unmet: int | None = 0

    @property
    def unmet_told(self) -> str:
        """The searches as they may be told: few are not counted out, so that nobody can be found in them."""
        return KEPT_BACK if self.unmet is None or 0 < self.unmet < FEWEST else str(self.unmet)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The matrix. `kind` is parish or district; `areas` are its columns, in order. `searched`: whether it is known what
    was searched for in vain."""

    kind: str
    areas: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    searched: bool = True

    def cell(self, need: str, area: str) -> Cell:
        """A cell that was filled, or an empty one."""
        return self.cells.get((need, area), Cell())

    def unmet_told(self, need: str, area: str) -> str:
        """The searches of a cell as they may be told; of none that is not known."""
        return self.cell(need, area).unmet_told if self.searched else NOT_TOLD

    def gaps(self) -> list[tuple[str, str]]:
        """Needs that nobody meets in an area, beside what serves the whole island."""
        return [(need, area) for need in NEEDS for area in self._real() if not self.cell(need, area).services]

    def _real(self) -> tuple[str, ...]:
        return tuple(area for area in self.areas if area not in {EVERYWHERE, NO_DISTRICT, NO_PARISH})


def by_parish(index: Index, unmet: Unmet | None) -> Coverage:
    """Needs by parish, with the searches that were not met there (None: not known)."""
    areas = (*(parish.name for parish in places.parishes()), NO_PARISH, EVERYWHERE)
    cells = _counted(index, lambda entry: _parishes(index, entry))
    return _searched("parish", areas, cells, unmet, NO_PARISH)


def by_district(index: Index, unmet: Unmet | None) -> Coverage:
    """Needs by health district, with the searches that were not met there. A search that named a whole parish, or a
    place whose district is not known, stands with the latter: parishes and districts differ."""
    areas = (*places.health_districts(), NO_DISTRICT, EVERYWHERE)
    cells = _counted(index, lambda entry: _districts(index, entry))
    return _searched("district", areas, cells, unmet, NO_DISTRICT)


def _searched(
    kind: str, areas: tuple[str, ...], cells: dict[tuple[str, str], Cell], unmet: Unmet | None, nowhere: str
) -> Coverage:
    for (need, area), count in (unmet or {}).items():
        key = (need, area if area in areas else nowhere)
        cells[key] = _with_unmet(cells.get(key, Cell()), count)
    return Coverage(kind, areas, cells, searched=unmet is not None)


def _counted(index: Index, areas_of: Areas) -> dict[tuple[str, str], Cell]:
    """Each service once in each area, however many places it has there."""
    seen: dict[tuple[str, str], dict[object, Entry]] = defaultdict(dict)
    for entries in index.by_service.values():
        for entry in entries:
            own = {met.need for met in index.needs.values[entry.needs] if not met.hidden}
            for area in areas_of(entry):
                for need in own:
                    seen[need, area][entry.service] = entry
    return {key: _cell(index, list(found.values())) for key, found in seen.items()}


def _cell(index: Index, entries: list[Entry]) -> Cell:
    terms = [index.terms.values[entry.terms] for entry in entries]
    return Cell(
        services=len(entries),
        verified=sum(one.phone == VERIFIED_PHONE for one in terms),
        migrants=sum(one.open_to_migrants == "yes" for one in terms),
        kreyol=sum(KREYOL in index.languages.values[entry.speaks] for entry in entries),
    )


def _parishes(index: Index, entry: Entry) -> set[str]:
    area = index.areas.values[entry.area]
    found = ({area.parish} if area.parish else set()) | area.serves
    everywhere = index.terms.values[entry.terms].national or not found
    return found | ({EVERYWHERE} if everywhere else set())


def _districts(index: Index, entry: Entry) -> set[str]:
    terms = index.terms.values[entry.terms]
    place = places.place_named(entry.place) if entry.place else None
    there = {place.district if place and place.district else NO_DISTRICT} if terms.placed else set()
    return there | ({EVERYWHERE} if terms.national or not there else set())


def _with_unmet(cell: Cell, count: int | None) -> Cell:
    return replace(cell, unmet=None if cell.unmet is None or count is None else cell.unmet + count)
