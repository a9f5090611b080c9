"""The audit log on the staff site: found by filters, checked, and taken out as a file that is itself in the log."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import orjson
from sqlalchemy import text, update
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from dashboard import log_rows
from dashboard.models import StaffSession
from messaging import inbox, simulator
from oncall import cases
from oncall.models import Case
from tests.dashboard.conftest import SignedIn

Sessions = sessionmaker[Session]
People = dict[str, uuid.UUID]
NOW = datetime.now(UTC)


def fill(sessions: Sessions, people: People, count: int = 3) -> None:
    with sessions() as session, session.begin():
        for number in range(count):
            actor = people["officer"] if number % 2 else None
            audit.record(session, "thing done", NOW - timedelta(days=number), actor=actor, subject=f"thing:{number}")


def table(html: str) -> str:
    return html.partition("<tbody>")[2]


def test_filters_find_entries(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    fill(sessions, people)
    browser = signed_in("supervisor")
    for query, found in (
        ("", {"thing:0", "thing:1", "thing:2"}),
        (f"actor={people['officer']}", {"thing:1"}),
        ("actor=service", {"thing:0", "thing:2"}),
        ("actor=rubbish", set()),
        ("action=thing+done&subject=thing:2", {"thing:2"}),
        ("action=nothing", set()),
        ("before=2", {"thing:0"}),
        ("case=4821", set()),
        (f"day={(NOW - timedelta(days=1, hours=4)).date()}", {"thing:1"}),
        ("day=2026-99-99&before=-7", {"thing:0", "thing:1", "thing:2"}),
    ):
        html = table(browser.get(f"/audit?{query}").text)
        assert {name for name in ("thing:0", "thing:1", "thing:2") if f">{name}<" in html} == found, query


def test_pages_follow_each_other_without_gap_or_double(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    fill(sessions, people, 2 * log_rows.AT_ONCE + 1)
    browser, path, seen = signed_in("administrator"), "/audit?action=thing+done", []
    while path:
        html = browser.get(path).text
        seen += [int(part.partition("<")[0]) for part in table(html).split('<th scope="row">')[1:]]
        rest = html.rpartition(">Older ones<")[0].rpartition('href="')[2].partition('"')[0]
        path = rest.replace("&amp;", "&") if "before=" in rest else ""
    assert seen == list(range(2 * log_rows.AT_ONCE + 1, 0, -1))


def test_the_trail_of_a_case_by_its_code(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        found = [_case(session, number) for number in (100, 101)]
        for case in found:
            audit.record(session, "case viewed", NOW, actor=people["officer"], subject=f"case:{case.id}")
    html = table(signed_in("supervisor").get(f"/audit?case={found[0].code}").text)
    assert f"case:{found[0].id}" in html
    assert f"case:{found[1].id}" not in html


def _case(session: Session, number: int) -> Case:
    received = inbox.receive(session, simulator.parse_inbound("sms", f"+17675550{number}", "x"))
    assert received.message_id
    about = cases.Disclosure("domestic_violence", "high")
    return cases.disclose(session, received.conversation_id, received.message_id, about, language="en")


def test_a_changed_entry_is_told_on_the_page(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    fill(sessions, people)
    browser = signed_in("supervisor")
    assert "Whole: 3 entries fit" in " ".join(browser.post("/audit/verify").text.replace("</span>", "").split())
    with sessions() as session, session.begin():
        session.execute(text("ALTER TABLE audit_event DISABLE TRIGGER audit_append_only"))
        session.execute(text("UPDATE audit_event SET action = 'nothing done' WHERE seq = 2"))
        session.execute(text("ALTER TABLE audit_event ENABLE TRIGGER audit_append_only"))
    assert "Not whole: entry 2 does not fit; 1 before it do" in browser.post("/audit/verify").text


def test_the_files_hold_every_entry_and_no_formula(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        for action in ("=1+1", "+1", "-1", "@x", "ordinary"):
            audit.record(session, action, NOW, actor=people["officer"], detail={"n": 1})
    browser = signed_in("administrator")
    rows = list(csv.DictReader(io.StringIO(browser.get("/audit/log.csv").text)))
    assert [row["action"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "ordinary"]
    lines = [orjson.loads(line) for line in browser.get("/audit/log.jsonl").data.splitlines()]
    assert [(line["action"], line["detail"]) for line in lines[-2:]] == [
        ("ordinary", {"n": 1}), ("log exported", {"form": "csv"}),
    ]  # fmt: skip
    with sessions() as session:
        assert audit.verify(session).count == 7, "each export is an entry"


def test_an_export_wants_a_fresh_proof(signed_in: SignedIn, sessions: Sessions) -> None:
    browser = signed_in("supervisor")
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=NOW - timedelta(minutes=11)))
    assert browser.get("/audit/log.csv").headers["Location"] == "/again?then=/audit/log.csv"
