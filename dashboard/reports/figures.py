"""The figures of a month, counted in the database. Drills stand in their own table only, synthetic messages nowhere.

No count stands in two tables with different things kept back: two tables side by side would tell it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from bot.demand import unmet
from dashboard.reports.period import Month
from dashboard.reports.suppress import FEWEST
from dashboard.reports.tables import Table, Value, counted, crossed
from dashboard.shown import span
from directory import coverage, indexing
from directory.needs import NEEDS
from directory.places import parishes
from oncall import drills

NO_PLACE = "no place said"
SEARCHES = "searches that the bot answered (table demand: codes and days, nobody's)"
CASES = "cases opened in the month, without drills"
SEVERITIES = ("critical", "high", "standard")


def tables(session: Session, when: Month) -> list[Table]:
    """All tables of a month's report."""
    demand = _demand(session, when)
    return [
        demand, *_demand_by(session, when), _weeks(session, when), _unmet(session, when, demand),
        _coverage(session, when), _bot(session, when), _cases(session, when), _times(session, when),
        _steps(session, when), _drills(session, when),
    ]  # fmt: skip


def _rows(session: Session, query: str, when: Month) -> Sequence[Any]:
    told = {"first": when.first, "last": when.last, "begins": when.begins, "ends": when.ends}
    return session.execute(text(query), told).all()


def _demand(session: Session, when: Month) -> Table:
    query = """SELECT need, coalesce(parish, :none), count(*) FROM demand
        WHERE day BETWEEN :first AND :last GROUP BY 1, 2"""
    found = session.execute(text(query), {"first": when.first, "last": when.last, "none": NO_PLACE}).all()
    counts = {(need, parish): count for need, parish, count in found}
    named = [*(one.name for one in parishes()), NO_PLACE]
    columns = [*named, *sorted({place for _, place in counts} - set(named))]  # none is left out of the totals
    return crossed("demand", "What was asked for, and where", SEARCHES, "Need", list(NEEDS), columns, counts)


def _demand_by(session: Session, when: Month) -> list[Table]:
    made = []
    for column, title in (("language", "In which language"), ("channel", "By which channel")):
        query = f"SELECT {column}, count(*) FROM demand WHERE day BETWEEN :first AND :last GROUP BY 1 ORDER BY 1"  # noqa: S608
        found = [(name, count) for name, count in _rows(session, query, when)]
        made.append(counted(f"demand_{column}", title, SEARCHES, column.capitalize(), found))
    return made


def _weeks(session: Session, when: Month) -> Table:
    days = dict(map(tuple, _rows(
        session, "SELECT day, count(*) FROM demand WHERE day BETWEEN :first AND :last GROUP BY 1", when)))  # fmt: skip
    weeks = [(name, sum(n for day, n in days.items() if begin <= day <= end)) for name, begin, end in when.weeks()]
    return counted("demand_week", "Week by week", SEARCHES, "Days", weeks)


def _unmet(session: Session, when: Month, demand: Table) -> Table:
    """Beside the totals that the table of demand tells; kept back where one of both parts is small."""
    query = "SELECT need, count(*) FROM demand WHERE day BETWEEN :first AND :last AND outcome <> 'found' GROUP BY 1"
    unmet_of = dict(map(tuple, _rows(session, query, when)))
    rows: list[tuple[Value, ...]] = []
    for row in demand.rows[:-1]:
        need, total, part = str(row[0]), row[-1], unmet_of.get(str(row[0]), 0)
        small = not isinstance(total, int) or any(0 < one < FEWEST for one in (part, total - part))
        rows.append((need, total, None if small and total != 0 else part))
    note = "Not met there: nothing was found, or only elsewhere."
    return Table("unmet", "Not met there", SEARCHES, ("Need", "Searches", "Not met there"), tuple(rows), note=note)


def _coverage(session: Session, when: Month) -> Table:
    found = coverage.by_parish(indexing.current(session), unmet(session, when.first, when.last))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (need, *(found.cell(need, area).services for area in found.areas)) for need in NEEDS
    )
    return Table(
        "coverage", "Services by need and parish", "the directory on the day of counting, without what is confidential",
        ("Need", *found.areas), rows, note=f"{len(found.gaps())} combinations of need and parish have no service.",
    )  # fmt: skip


def _bot(session: Session, when: Month) -> Table:
    query = """SELECT CASE WHEN u.id IS NULL THEN coalesce(i.outcome, 'waiting')
            WHEN u.done_at IS NULL THEN 'given to a person: waits'
            ELSE 'given to a person: ' || coalesce(replace(u.done_how, '_', ' '), 'done') END, count(*)
        FROM inbound_message AS i LEFT JOIN unread_message AS u ON u.inbound_id = i.id
        WHERE i.received_at >= :begins AND i.received_at < :ends AND i.provider <> 'synthetic' GROUP BY 1 ORDER BY 1"""
    found = [(name, count) for name, count in _rows(session, query, when)]
    note = "asked: the bot asked once more what is meant."
    return counted("bot", "How the bot understood", "messages that came in", "Outcome", found, note=note)


def _cases(session: Session, when: Month) -> Table:
    query = """SELECT concern, severity, count(*) FROM "case", unnest(concerns) AS concern
        WHERE NOT drill AND opened_at >= :begins AND opened_at < :ends GROUP BY 1, 2"""
    counts = {(concern, severity): count for concern, severity, count in _rows(session, query, when)}
    concerns = sorted({concern for concern, _ in counts})
    note = "A case with two concerns stands in both rows."
    return crossed("cases", "Disclosures", CASES, "Concern", concerns, list(SEVERITIES), counts, note=note)


def _times(session: Session, when: Month) -> Table:
    query = """SELECT severity, extract(epoch FROM taken_at - opened_at), extract(epoch FROM engaged_at - opened_at)
        FROM (SELECT k.severity, k.opened_at, k.engaged_at,
                (SELECT min(e.at) FROM case_event AS e WHERE e.case_id = k.id AND e.kind = 'acknowledged') AS taken_at
              FROM "case" AS k WHERE NOT k.drill AND k.opened_at >= :begins AND k.opened_at < :ends) AS x"""
    found = _rows(session, query, when)
    rows: list[tuple[Value, ...]] = []
    for severity in SEVERITIES:
        mine = [row for row in found if row[0] == severity]
        for title, place in (("taken", 1), ("first human reply", 2)):
            rows.append((severity, title, *_spread([row[place] for row in mine if row[place] is not None])))
    return Table(
        "times", "How long it took", CASES, ("Severity", "Until", "Middle", "Nine of ten within"), tuple(rows),
        note=f"Told from {FEWEST} cases on.",
    )  # fmt: skip


def _spread(seconds: Sequence[Any]) -> tuple[str, str]:
    """The middle and the ninth of ten, where there are enough that nobody is told."""
    if len(seconds) < FEWEST:
        return "too few", "too few"
    ordered = sorted(float(one) for one in seconds)
    nine = ordered[min(len(ordered) - 1, -(-len(ordered) * 9 // 10) - 1)]
    return span(timedelta(seconds=median(ordered))), span(timedelta(seconds=nine))


def _steps(session: Session, when: Month) -> Table:
    query = """SELECT s.concern, CASE WHEN s.answered_at <= s.due_at THEN 'in time'
            WHEN s.answered_at IS NOT NULL THEN 'late' WHEN s.due_at < least(now(), :ends) THEN 'not done'
            ELSE 'not due yet' END AS how, count(*)
        FROM checklist_step AS s JOIN "case" AS k ON k.id = s.case_id
        WHERE NOT k.drill AND k.opened_at >= :begins AND k.opened_at < :ends GROUP BY 1, 2"""
    counts = {(concern, how): count for concern, how, count in _rows(session, query, when)}
    concerns, columns = sorted({concern for concern, _ in counts}), ["in time", "late", "not done", "not due yet"]
    return crossed("steps", "Steps of the procedures", CASES, "Concern", concerns, columns, counts)


def _drills(session: Session, when: Month) -> Table:
    found = [one for one in drills.report(session, when.begins) if one.began < when.ends]
    rows = tuple(_drill(one) for one in found)
    heads = ("Day", "Scenario", "Severity", "Taken after", "Answered after", "Closed after", "Level", "Pages")
    return Table("drills", "Drills", "exercises: nobody real is in them; officers are not named", heads, rows)


def _drill(one: drills.Result) -> tuple[Value, ...]:
    took = [span(time) if time is not None else "no" for time in (one.taken, one.engaged, one.closed)]
    return (f"{one.began.astimezone(DOMINICA):%Y-%m-%d}", one.scenario, one.severity, *took, one.level, one.pages)


def made(now: datetime, when: Month) -> str:
    """The line under a report: of when it is, and when it was counted."""
    kept = f"Counts from 1 to {FEWEST - 1}, and others where needed, are kept back."
    return f"{when.name}; counted on {now.astimezone(DOMINICA):%Y-%m-%d}, and not changed since. {kept}"
