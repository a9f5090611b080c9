"""The figures of a month, counted in the database. Drills stand in their own table only, synthetic messages nowhere.

No count stands in two tables with different things kept back: two tables side by side would tell it. So those of
searches are made together (dashboard.reports.searches)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from dashboard.reports import searches
from dashboard.reports.period import Month
from dashboard.reports.suppress import FEWEST
from dashboard.reports.tables import HIDDEN, Table, Value, counted, crossed
from dashboard.shown import span
from dashboard.words import N_, _
from directory import coverage, indexing
from directory.needs import NEEDS
from oncall import drills

CASES = N_("cases opened in the month, without drills")
SEVERITIES = (N_("critical"), N_("high"), N_("standard"))


def tables(session: Session, when: Month) -> list[Table]:
    """All tables of a month's report."""
    return [
        *searches.tables(session, when), _coverage(session), _bot(session, when), _cases(session, when),
        _times(session, when), _steps(session, when), _drills(session, when),
    ]  # fmt: skip


def _rows(session: Session, query: str, when: Month) -> Sequence[Any]:
    told = {"first": when.first, "last": when.last, "begins": when.begins, "ends": when.ends}
    return session.execute(text(query), told).all()


def _coverage(session: Session) -> Table:
    found = coverage.by_parish(indexing.current(session), {})
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (need, *(found.cell(need, area).services for area in found.areas)) for need in NEEDS
    )
    return Table(
        "coverage", N_("Services by need and parish"),
        N_("the directory on the day of counting, without what is confidential"),
        (N_("Need"), *found.areas), rows,
        note=N_("Where there is 0, only what is for the whole island meets this need there, if anything does."),
    )  # fmt: skip


def _bot(session: Session, when: Month) -> Table:
    query = """SELECT CASE WHEN u.id IS NULL THEN coalesce(i.outcome, 'waiting')
            WHEN u.done_at IS NULL THEN 'given to a person: waits'
            ELSE 'given to a person: ' || coalesce(replace(u.done_how, '_', ' '), 'done') END, count(*)
        FROM inbound_message AS i LEFT JOIN unread_message AS u ON u.inbound_id = i.id
        WHERE i.received_at >= :begins AND i.received_at < :ends AND i.provider <> 'synthetic' GROUP BY 1 ORDER BY 1"""
    found = [(name, count) for name, count in _rows(session, query, when)]
    note = N_("asked: the bot asked once more what is meant.")
    return counted("bot", N_("How the bot understood"), N_("messages that came in"), N_("Outcome"), found, note=note)


def _cases(session: Session, when: Month) -> Table:
    query = """SELECT concern, severity, count(*) FROM "case", unnest(concerns) AS concern
        WHERE NOT drill AND opened_at >= :begins AND opened_at < :ends GROUP BY 1, 2"""
    counts = {(concern, severity): count for concern, severity, count in _rows(session, query, when)}
    concerns = sorted({concern for concern, _severity in counts})
    note = N_("A case with two concerns stands in both rows.")
    return crossed("cases", N_("Disclosures"), CASES, N_("Concern"), concerns, list(SEVERITIES), counts, note=note)


def _times(session: Session, when: Month) -> Table:
    query = """SELECT severity, extract(epoch FROM taken_at - opened_at), extract(epoch FROM engaged_at - opened_at)
        FROM (SELECT k.severity, k.opened_at, k.engaged_at,
                (SELECT min(e.at) FROM case_event AS e WHERE e.case_id = k.id AND e.kind = 'acknowledged') AS taken_at
              FROM "case" AS k WHERE NOT k.drill AND k.opened_at >= :begins AND k.opened_at < :ends) AS x"""
    found = _rows(session, query, when)
    rows: list[tuple[Value, ...]] = []
    for severity in SEVERITIES:
        mine = [row for row in found if row[0] == severity]
        for title, place in ((N_("taken"), 1), (N_("first human reply"), 2)):
            rows.append((severity, title, *_spread([row[place] for row in mine if row[place] is not None])))
    return Table(
        "times", N_("How long it took"), CASES, (N_("Severity"), N_("Until"), N_("Middle"), N_("Nine of ten within")),
        tuple(rows),
        note=N_("Told from 5 cases on."),
    )  # fmt: skip


def _spread(seconds: Sequence[Any]) -> tuple[str, str]:
    """The middle and the ninth of ten, where there are enough that nobody is told."""
    if len(seconds) < FEWEST:
        return N_("too few"), N_("too few")
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
    concerns, columns = (
        sorted({concern for concern, _how in counts}),
        [N_("in time"), N_("late"), N_("not done"), N_("not due yet")],
    )
    return crossed("steps", N_("Steps of the procedures"), CASES, N_("Concern"), concerns, columns, counts)


def _drills(session: Session, when: Month) -> Table:
    found = [one for one in drills.report(session, when.begins) if one.began < when.ends]
    rows = tuple(_drill(one) for one in found)
    heads = (
        N_("Day"),
        N_("Scenario"),
        N_("Severity"),
        N_("Taken after"),
        N_("Answered after"),
        N_("Closed after"),
        N_("Level"),
        N_("Pages"),
    )
    return Table("drills", N_("Drills"), N_("exercises: nobody real is in them; officers are not named"), heads, rows)


def _drill(one: drills.Result) -> tuple[Value, ...]:
    took = [span(time) if time is not None else N_("no") for time in (one.taken, one.engaged, one.closed)]
    return (f"{one.began.astimezone(DOMINICA):%Y-%m-%d}", one.scenario, one.severity, *took, one.level, one.pages)


def made(now: datetime, when: Month) -> str:
    """The line under a report: of when it is, and when it was counted."""
    return _(
        "%(month)s; counted on %(day)s, and not changed since. Counts from 1 to %(most)s, and others where needed, are "
        "kept back and written %(sign)s.",
        month=when.name, day=f"{now.astimezone(DOMINICA):%Y-%m-%d}", most=FEWEST - 1, sign=HIDDEN,
    )  # fmt: skip
