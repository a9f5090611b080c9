"""The monthly report: true counts, nobody to be found in them, and files that open."""

import csv
import io
import re
import uuid
import zlib
from datetime import UTC, date, datetime, timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent
from base.clock import DOMINICA
from base.db import database_now
from base.errors import InvalidInput
from base.settings import Settings
from bot.models import Demand
from dashboard.models import StaffSession
from dashboard.reports import figures, kept
from dashboard.reports.files import harmless
from dashboard.reports.period import Month, month
from dashboard.reports.suppress import roughly
from dashboard.reports.tables import Table, Value
from koudmen import chores
from koudmen.runtime import Runtime
from messaging import inbox, simulator
from oncall import cases, drills, handling
from oncall.cases import Disclosure
from oncall.models import Case, ChecklistStep
from tests.dashboard.conftest import SignedIn

OCTOBER = Month(date(2026, 10, 1))
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
        tables, _ = kept.report(session, newest, datetime.now(UTC))
    assert next(one for one in tables if one.key == "demand").rows[-1][-1] == 12


def test_the_coverage_page_beside_a_report_tells_no_count_that_was_kept_back(
    sessions: sessionmaker[Session], signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    """Exact counts there, less the report's totals, would be what is hidden. They are rough, and of the same month."""
    with sessions() as session:
        when = month(None, database_now(session).astimezone(DOMINICA).date())
    for count, parish in ((13, "Saint Luke"), (4, "Saint Mark"), (5, "Saint Peter")):
        searched(sessions, count, "legal", parish, outcome="none", day=when.last)
    searched(sessions, 7, "legal", "Saint Joseph", outcome="none", day=when.last + timedelta(days=1))
    told = csv.DictReader(io.StringIO(signed_in("editor").get("/directory/coverage.csv").text))
    legal = {row["area"]: row["unmet_searches"] for row in told if row["need"] == "legal"}
    wanted = {"Saint Luke": "10", "Saint Mark": "0", "Saint Peter": "5", "Saint Joseph": "0"}
    assert {area: legal[area] for area in wanted} == wanted


@pytest.mark.parametrize(("count", "told"), [(0, 0), (4, 0), (5, 5), (9, 5), (10, 10), (19, 10), (49, 20), (999, 500)])
def test_a_rough_count(count: int, told: int) -> None:
    assert roughly(count) == told


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
