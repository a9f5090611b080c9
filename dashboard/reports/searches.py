"""Tables of searches (`demand`): what was asked for, where, how, and what was not met. One count stands in several of
them, or is the sum of others (what was found and what was not make what was asked for; parishes and districts make the
same need), so they are made together, and what one keeps back no other gives away."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.reports.period import Month
from dashboard.reports.suppress import kept_back
from dashboard.reports.tables import Table, Value
from dashboard.words import N_
from directory.coverage import NO_DISTRICT, NO_PARISH
from directory.needs import NEEDS
from directory.places import health_districts, parishes

TOTAL = N_("Total")
SOURCE = N_("searches that the bot answered (table demand: codes and days, nobody's)")
UNMET_NOTE = N_("Not met there: nothing was found, or only elsewhere.")
# A cell is (what is counted, row, column). Asked for, found, not met; `district`: not met, by district.
Cell = tuple[str, str, str]
Counts = Mapping[Cell, int]
Line = list[Cell]


def tables(session: Session, when: Month) -> list[Table]:
    """The tables of a month, small counts kept back in all of them alike."""
    found = _counted(session, when)
    needs = [*NEEDS, *sorted({need for _, need, _ in found if need != TOTAL} - set(NEEDS))]
    places = _columns(found, "asked", [*(one.name for one in parishes()), NO_PARISH])
    districts = _columns(found, "district", [*health_districts(), NO_DISTRICT])
    lists = {kind: _columns(found, kind, weeks) for kind, weeks in
             (("language", []), ("channel", []), ("week", [name for name, _, _ in when.weeks()]))}  # fmt: skip
    counts, lines = _with_totals(found, needs, places, districts, lists)
    hidden = kept_back(counts, lines)

    def told(kind: str, row: str, column: str) -> int | None:
        cell = (kind, row, column)
        return None if cell in hidden else counts[cell]

    def crossed(key: str, title: str, kind: str, columns: Sequence[str], total: str, note: str = "") -> Table:
        rows: list[tuple[Value, ...]] = [
            (need, *(told(kind, need, column) for column in columns), told(total, need, TOTAL)) for need in needs
        ]
        if kind == "asked":
            rows.append((TOTAL, *(told(kind, TOTAL, column) for column in [*columns, TOTAL])))
        return Table(key, title, SOURCE, (N_("Need"), *columns, TOTAL), tuple(rows), note=note)

    def listed(key: str, title: str, kind: str, head: str) -> Table:
        rows = [(name, told(kind, TOTAL, name)) for name in lists[kind]]
        total = (TOTAL, told("asked", TOTAL, TOTAL))
        return Table(key, title, SOURCE, (head, N_("Count")), (*rows, total), chart=1)

    both = tuple((need, told("asked", need, TOTAL), told("unmet", need, TOTAL)) for need in needs)
    return [
        crossed("demand", N_("What was asked for, and where"), "asked", places, "asked"),
        listed("demand_language", N_("In which language"), "language", N_("Language")),
        listed("demand_channel", N_("By which channel"), "channel", N_("Channel")),
        listed("demand_week", N_("Week by week"), "week", N_("Days")),
        Table("unmet", N_("Not met there"), SOURCE, (N_("Need"), N_("Searches"), N_("Not met there")), both,
              note=UNMET_NOTE),
        crossed("unmet_parish", N_("Not met there, by parish"), "unmet", places, "unmet", UNMET_NOTE),
        crossed("unmet_district", N_("Not met there, by health district"), "district", districts, "unmet", UNMET_NOTE),
    ]  # fmt: skip


def _counted(session: Session, when: Month) -> Counter[Cell]:
    """What the rows say, without totals."""
    query = """SELECT need, coalesce(parish, :place), coalesce(district, :district), language, channel, day,
            outcome = 'found', count(*) FROM demand WHERE day BETWEEN :first AND :last GROUP BY 1, 2, 3, 4, 5, 6, 7"""
    given = {"first": when.first, "last": when.last, "place": NO_PARISH, "district": NO_DISTRICT}
    made: Counter[Cell] = Counter()
    for need, place, district, language, channel, day, met, count in session.execute(text(query), given):
        week = next(name for name, begin, end in when.weeks() if begin <= day <= end)
        made["asked", need, place] += count
        made["found" if met else "unmet", need, place] += count
        if not met:
            made["district", need, district] += count
        for kind, name in (("language", language), ("channel", channel), ("week", week)):
            made[kind, TOTAL, name] += count
    return made


def _columns(found: Counts, kind: str, named: Sequence[str]) -> list[str]:
    """These, and after them what else was counted: none is left out of the totals."""
    return [*named, *sorted({column for of, _, column in found if of == kind} - set(named))]


def _with_totals(
    found: Counter[Cell], needs: Sequence[str], places: Sequence[str], districts: Sequence[str],
    lists: Mapping[str, Sequence[str]],
) -> tuple[dict[Cell, int], list[Line]]:  # fmt: skip
    """Every count with its totals, and which counts make which."""
    counts: dict[Cell, int] = {}
    lines: list[Line] = []

    def made_of(total: Cell, parts: Sequence[Cell]) -> None:
        counts.update((one, found[one]) for one in parts if one not in counts)
        counts.setdefault(total, sum(counts[one] for one in parts))
        lines.append([*parts, total])

    for need in needs:
        for place in places:
            made_of(("asked", need, place), [("found", need, place), ("unmet", need, place)])
        for kind in ("asked", "found", "unmet"):
            made_of((kind, need, TOTAL), [(kind, need, place) for place in places])
        made_of(("unmet", need, TOTAL), [("district", need, district) for district in districts])
        made_of(("asked", need, TOTAL), [("found", need, TOTAL), ("unmet", need, TOTAL)])
    for column in [*places, TOTAL]:
        made_of(("asked", TOTAL, column), [("asked", need, column) for need in needs])
    made_of(("asked", TOTAL, TOTAL), [("asked", TOTAL, place) for place in places])
    for kind, names in lists.items():
        made_of(("asked", TOTAL, TOTAL), [(kind, TOTAL, name) for name in names])
    return counts, lines
