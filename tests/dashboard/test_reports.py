"""The monthly report: true counts, nobody to be found in them, and files that open."""

import csv
import io
import re
import uuid
import zlib
from datetime import UTC, date, datetime, timedelta

import pytest
from babel.messages.pofile import read_po
from openpyxl import load_workbook
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent
from base.clock import DOMINICA
from base.db import database_now
from base.errors import InvalidInput
from base.settings import Settings
from bot.models import Demand
from bot.phrases import LOCALES
from dashboard.models import MonthlyReport, StaffSession
from dashboard.reports import figures, kept
from dashboard.reports import tables as tables_module
from dashboard.reports.files import harmless
from dashboard.reports.period import Month, month
from dashboard.reports.tables import Table, Value, said
from directory.places import health_districts, parishes
from koudmen import chores
from koudmen.runtime import Runtime
from messaging import inbox, simulator
from oncall import cases, drills, handling
from oncall.cases import Disclosure
from oncall.models import Case, ChecklistStep
from tests.dashboard.conftest import SignedIn

OCTOBER = Month(date(2026, 10, 1))
KEEP = timedelta(days=365)
NOON = datetime(2026, 10, 10, 16, tzinfo=UTC)


def searched(sessions: sessionmaker[Session], count: int, need: str, parish: str | None, **other: object) -> None:
    values: dict[str, object] = {"day": NOON.date(), "language": "ht", "channel": "sms", "outcome": "found"} | other
    with sessions() as session, session.begin():
        session.add_all(Demand(need=need, parish=parish, **values) for _ in range(count))


def told_of(session: Session, people: int, concern: str, at: datetime, phone: int = 110) -> list[uuid.UUID]:
    """So many people tell of a concern."""
    made = []
    for number in range(people):
        got = inbox.receive(session, simulator.parse_inbound("sms", f"+17675550{phone + number}", "x"))
        assert got.message_id
        told = Disclosure(concern, "high")
        made.append(cases.disclose(session, got.conversation_id, got.message_id, told, language="ht", now=at).id)
    return made


def table(session: Session, key: str) -> dict[Value, tuple[Value, ...]]:
    found: Table = next(one for one in figures.tables(session, OCTOBER) if one.key == key)
    return {row[0]: row[1:] for row in found.rows}


def test_demand_is_counted_by_need_and_place(sessions: sessionmaker[Session]) -> None:
    searched(sessions, 12, "food", "Saint George")
    searched(sessions, 9, "food", None, outcome="none")
    searched(sessions, 7, "health", "Saint George", language="en")
    searched(sessions, 30, "food", "Saint George", day=date(2026, 9, 30))
    with sessions() as session:
        rows, unmet = table(session, "demand"), table(session, "unmet")
        assert rows["Total"][-1] == 28
        assert rows["food"][-1] == 21
        assert rows["health"][-1] == 7
        assert unmet["food"] == (21, 9)
        assert table(session, "demand_language") == {"en": (7,), "ht": (21,), "Total": (28,)}
        assert table(session, "demand_week")["8-14 Oct"] == (28,)


def test_a_search_of_one_person_is_in_no_table(sessions: sessionmaker[Session]) -> None:
    searched(sessions, 12, "food", "Saint George")
    searched(sessions, 1, "legal", "Saint Mark", language="es", outcome="none")
    with sessions() as session:
        rows = table(session, "demand")
        assert rows["legal"][-1] is None
        assert table(session, "unmet")["legal"] == (None, None)
        assert table(session, "demand_language")["es"] == (None,)
        for found in figures.tables(session, OCTOBER):
            if found.key not in {"coverage", "drills"}:
                assert not any(isinstance(v, int) and 0 < v < 5 for row in found.rows for v in row[1:]), found.key


def test_cases_and_times_are_told_from_five_on_and_drills_apart(
    sessions: sessionmaker[Session], people: dict[str, uuid.UUID]
) -> None:
    with sessions() as session, session.begin():
        for number, case_id in enumerate(told_of(session, 6, "trafficking", NOON)):
            handling.acknowledge(session, case_id, people["officer"], NOON + timedelta(minutes=number + 1))
        told_of(session, 2, "sea", NOON, phone=120)
        drills.start(session, sorted(drills.scenarios())[0], NOON)
    with sessions() as session:
        rows = table(session, "cases")
        assert (rows["sea"][1], rows["sea"][-1]) == (None, None)
        times = next(one for one in figures.tables(session, OCTOBER) if one.key == "times").rows
        assert ("high", "taken", "3 min", "6 min") in times
        assert ("critical", "taken", "too few", "too few") in times
        assert len(table(session, "drills")) == 1


def test_months() -> None:
    assert month(None, date(2026, 11, 24)).code == "2026-10"
    assert month(None, date(2026, 11, 3)).code == "2026-09", "not before what was begun on the last day is mostly done"
    assert month(None, date(2026, 11, 4)).code == "2026-10"
    assert month("2026-10", date(2026, 11, 24)).name == "October 2026"
    assert [name for name, _, _ in Month(date(2026, 2, 1)).weeks()] == ["1-7 Feb", "8-14 Feb", "15-21 Feb", "22-28 Feb"]
    assert Month(date(2026, 12, 1)).next.code == "2027-01"
    for wrong in ("2026-13", "november", "2027-01", "2026-1", "1999-01", "2026-11-01", "2026-11", "2020-12"):
        with pytest.raises(InvalidInput):
            month(wrong, date(2026, 11, 24))


def test_the_page_and_the_files_tell_the_same(
    sessions: sessionmaker[Session], signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    searched(sessions, 12, "food", "Saint George")
    browser = signed_in("analyst")
    assert "What was asked for, and where" in browser.words("/reports?month=2026-10")
    assert "a month is written like" in browser.words("/reports?month=rubbish")
    sheet = csv.reader(io.StringIO(browser.get("/reports/2026-10.csv").get_data().decode("utf-8-sig")))
    assert next(row for row in sheet if row and row[0] == "food")[:4] == ["food", "0", "0", "12"]
    book = load_workbook(io.BytesIO(browser.get("/reports/2026-10.xlsx").data))
    assert {"About", "demand", "times"} <= set(book.sheetnames)
    pdf = browser.get("/reports/2026-10.pdf")
    assert pdf.data.startswith(b"%PDF-")
    today, source = f"counted on {datetime.now(DOMINICA):%Y-%m-%d}", "searches that the bot answered"
    cells = " ".join(str(cell) for sheet in book for row in sheet.values for cell in row)
    lines = browser.get("/reports/2026-10.csv").get_data().decode("utf-8-sig")
    for told in (browser.words("/reports?month=2026-10"), lines, cells, _words_of(pdf.data)):
        assert "October 2026" in told
        assert today in told
        assert source in told
    assert browser.get("/reports/2026-10.exe").status_code == 404
    assert browser.get("/reports/rubbish.csv").status_code == 400
    with sessions() as session:
        noted = session.scalars(select(AuditEvent.detail).where(AuditEvent.action == "report exported")).all()
    assert noted == [{"kind": "csv"}, {"kind": "xlsx"}, {"kind": "pdf"}, {"kind": "csv"}]


def test_a_month_that_runs_is_told_to_nobody(signed_in: SignedIn, people: dict[str, uuid.UUID]) -> None:
    """Asked for today and tomorrow, and subtracted, it would tell one day, and so perhaps one person."""
    today = datetime.now(UTC).date()
    browser = signed_in("analyst")
    assert "days after it is over" in browser.words(f"/reports?month={today:%Y-%m}")
    assert f"<h1>{today:%B %Y}" not in browser.get(f"/reports?month={today:%Y-%m}").text
    for kind in ("csv", "xlsx", "pdf"):
        assert browser.get(f"/reports/{today:%Y-%m}.{kind}").status_code == 400


def test_a_month_that_was_told_is_told_the_same_for_ever(
    sessions: sessionmaker[Session], signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    """Whatever happens to what it counted: two looks cannot be subtracted."""
    searched(sessions, 12, "food", "Saint George")
    with sessions() as session, session.begin():
        told_of(session, 6, "trafficking", NOON)
    browser = signed_in("analyst")
    page, sheet = browser.get("/reports?month=2026-10").text, browser.get("/reports/2026-10.csv").data
    searched(sessions, 1, "food", "Saint George")
    with sessions() as session, session.begin():
        session.execute(update(Case).values(severity="critical"))
        session.execute(update(ChecklistStep).values(answered_at=NOON))
        told_of(session, 1, "trafficking", NOON, phone=130)
    assert browser.get("/reports/2026-10.csv").data == sheet
    again = browser.get("/reports?month=2026-10").text
    assert re.sub(r'value="[^"]{20,}"', "", again) == re.sub(r'value="[^"]{20,}"', "", page)
    with sessions() as session:
        assert next(one for one in figures.tables(session, OCTOBER) if one.key == "demand").rows[-1][-1] == 13


def test_the_newest_month_is_counted_by_the_service_before_it_is_erased(
    sessions: sessionmaker[Session], settings: Settings, engine: Engine
) -> None:
    with sessions() as session:
        newest = month(None, database_now(session).astimezone(DOMINICA).date())
    searched(sessions, 12, "food", "Saint George", day=newest.first)
    found = chores.chores(Runtime(settings, engine, sessions))
    chores.once([one for one in found if one.name == "report"], 0.0)
    with sessions() as session, session.begin():
        session.execute(delete(Demand))
        tables, _ = kept.report(session, newest, datetime.now(UTC), KEEP)
    assert next(one for one in tables if one.key == "demand").rows[-1][-1] == 12


def test_the_coverage_page_tells_the_very_counts_of_the_report(
    sessions: sessionmaker[Session], signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    """Other counts there, less the report's totals, would be what is hidden."""
    with sessions() as session:
        when = month(None, database_now(session).astimezone(DOMINICA).date())
    for count, parish in ((13, "Saint Luke"), (4, "Saint Mark"), (5, "Saint Peter"), (40, None)):
        searched(sessions, count, "legal", parish, outcome="none", day=when.last)
    searched(sessions, 6, "food", "Saint Luke", outcome="none", day=when.last)
    searched(sessions, 20, "food", "Saint Luke", day=when.last)
    searched(sessions, 7, "legal", "Saint Joseph", outcome="none", day=when.last + timedelta(days=1))
    browser = signed_in("editor")
    told = list(csv.DictReader(io.StringIO(browser.get("/directory/coverage.csv").text)))
    legal = {row["area"]: row["unmet_searches"] for row in told if row["need"] == "legal"}
    wanted = {"Saint Luke": "13", "Saint Mark": "<5", "Saint Peter": "<5", "Saint Joseph": "0", "No place said": "40"}
    assert {area: legal[area] for area in wanted} == wanted, "five is kept back beside four: the total is told"
    with sessions() as session:
        tables, _ = kept.report(session, when, datetime.now(UTC), KEEP)
    for kind in ("parish", "district"):
        found = next(one for one in tables if one.key == f"unmet_{kind}")
        shown = csv.DictReader(io.StringIO(browser.get(f"/directory/coverage.csv?by={kind}").text))
        page = {(row["need"], row["area"]): row["unmet_searches"] for row in shown}
        for need, *counts in (row[:-1] for row in found.rows):
            for place, told_there in zip(found.columns[1:-1], counts, strict=True):
                area = place[0].upper() + place[1:] if place.endswith(("said", "known")) else place
                assert page[str(need), area] == ("<5" if told_there is None else str(told_there)), (need, area)
    searched(sessions, 50, "legal", "Saint Luke", outcome="none", day=when.last)
    again = csv.DictReader(io.StringIO(browser.get("/directory/coverage.csv").text))
    assert list(again) == told, "counted once, like the report"


def test_a_month_of_which_something_is_erased_is_not_told_as_if_it_were_all(
    sessions: sessionmaker[Session], signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    """What is left of it would be smaller figures, silently."""
    searched(sessions, 12, "food", "Saint George", day=date(2025, 6, 10))
    browser = signed_in("analyst")
    page = browser.words("/reports?month=2025-06")
    assert "June 2025 was not counted before" in page
    assert "What was asked for, and where" not in page
    assert "2025-06.csv" not in browser.get("/reports?month=2025-06").text
    assert browser.get("/reports/2025-06.csv").status_code == 409
    with sessions() as session, session.begin():
        assert session.scalars(select(MonthlyReport)).all() == []
        kept.report(session, Month(date(2025, 6, 1)), NOON, timedelta(days=3650))
    assert "What was asked for, and where" in browser.words("/reports?month=2025-06"), "it was counted in time"


@pytest.mark.parametrize(
    ("now", "fine"), [(datetime(2027, 9, 29, 4, tzinfo=UTC), True), (datetime(2027, 9, 30, 4, tzinfo=UTC), False)]
)
def test_a_month_is_whole_until_its_first_day_is_erased(now: datetime, fine: bool) -> None:
    assert kept.whole(OCTOBER, now, KEEP) is fine


def test_months_in_which_the_service_stood_still_are_counted_before_they_are_erased(
    sessions: sessionmaker[Session],
) -> None:
    def counted() -> list[date]:
        with sessions() as session:
            return list(session.scalars(select(MonthlyReport.month).order_by(MonthlyReport.month)))

    with sessions() as session, session.begin():
        assert kept.count(session, datetime(2026, 9, 10, tzinfo=UTC), KEEP) == []
    assert counted() == [date(2026, 8, 1)], "a new service has no months before"
    with sessions() as session, session.begin():
        assert kept.count(session, datetime(2026, 11, 10, tzinfo=UTC), KEEP) == []
    assert counted() == [date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)]
    with sessions() as session, session.begin():
        late = kept.count(session, datetime(2027, 2, 10, tzinfo=UTC), timedelta(days=60))
    assert [one.code for one in late] == ["2026-11", "2026-12"]
    assert counted()[3:] == [date(2027, 1, 1)]
    with sessions() as session, session.begin():
        assert kept.count(session, datetime(2027, 2, 10, tzinfo=UTC), timedelta(days=60)) == [], "said once"


def test_who_looks_first_at_the_newest_month_makes_none_before_it_be_skipped(sessions: sessionmaker[Session]) -> None:
    with sessions() as session, session.begin():
        kept.count(session, datetime(2026, 8, 10, tzinfo=UTC), KEEP)
        kept.report(session, OCTOBER, datetime(2026, 11, 10, tzinfo=UTC), KEEP)
        kept.count(session, datetime(2026, 11, 10, tzinfo=UTC), KEEP)
        found = list(session.scalars(select(MonthlyReport.month).order_by(MonthlyReport.month)))
    assert [one.month for one in found] == [7, 8, 9, 10]


def test_the_coverage_page_does_not_tell_none_of_a_month_that_is_not_told(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, people: dict[str, uuid.UUID]
) -> None:
    monkeypatch.setattr(kept, "whole", lambda *_: False)
    browser = signed_in("editor")
    told = csv.DictReader(io.StringIO(browser.get("/directory/coverage.csv").text))
    assert {row["unmet_searches"] for row in told} == {"not told"}
    assert "are not told: something of them was erased" in browser.words("/directory/coverage")


def test_each_bar_stands_beside_its_count(
    sessions: sessionmaker[Session], signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    """Who does not see the bars reads the same in the table: nothing is told by a picture alone."""
    searched(sessions, 12, "food", "Saint George")
    searched(sessions, 30, "food", "Saint George", language="en")
    page = signed_in("analyst").get("/reports?month=2026-10").text
    bars = re.findall(r'<td class="number">(\d+)</td>\s*<td class="bars"><svg([^>]*)><rect width="([0-9.]+)"', page)
    assert len(bars) == page.count("<svg ") >= 4
    widths = {count: width for count, _marks, width in bars[:2]}  # of the total
    assert widths == {"30": "71.4", "12": "28.6"}
    assert all('aria-hidden="true"' in marks for _count, marks, _width in bars)


def test_every_word_of_a_report_is_in_the_catalogue(sessions: sessionmaker[Session]) -> None:
    """Titles, heads, sources and notes are kept in English and said in the reader's language."""
    catalogue = read_po(io.BytesIO((LOCALES / "staff.pot").read_bytes()))
    known = {str(message.id) for message in catalogue}
    places = {one.name for one in parishes()} | set(health_districts())
    with sessions() as session:
        for found in figures.tables(session, OCTOBER):
            words = {found.title, found.source, *({found.note} - {""}), *found.columns} - places - {"Whole island"}
            assert words <= known, found.key


def test_a_report_is_said_in_the_reader_s_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_module, "_", lambda words: f"<{words}>")
    told = said(Table("x", "Drills", "here", ("Day", "Count"), (("Total", 7), ("a", None)), note=""))
    assert (told.title, told.source, told.note, told.columns) == ("<Drills>", "<here>", "", ("<Day>", "<Count>"))
    assert told.rows == (("<Total>", 7), ("<a>", None))
    assert said(Table("x", "", "", (), (("high", "taken", 3, "too few"),))).rows == (
        ("<high>", "<taken>", 3, "<too few>"),
    )


def _words_of(pdf: bytes) -> str:
    """The words that a PDF draws."""
    drawn = [zlib.decompress(one) for one in re.findall(rb"stream\r?\n(x\x9c.*?)\r?\nendstream", pdf, re.DOTALL)]
    return " ".join(re.findall(r"\((.*?)(?<!\\)\)", b" ".join(drawn).decode("latin-1"))).replace("\\", "")


def test_an_export_wants_a_fresh_proof(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    browser = signed_in("analyst")
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))
    answer = browser.get("/reports/2026-10.csv")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/again?then=/reports/2026-10.csv")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_nothing_in_a_file_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(-5) == -5
