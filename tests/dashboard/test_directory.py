"""The directory on the staff site: found, checked, and what is confidential shown only to those who may."""

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.audit import AuditEvent
from dashboard.models import StaffSession
from directory import checks
from oncall import rota
from tests.dashboard.conftest import PASSWORD, SignedIn


def made(sessions: sessionmaker[Session], name: str, **values: object) -> tuple[uuid.UUID, uuid.UUID]:
    """A service with an unverified number; gives the ids of both."""
    with sessions() as session, session.begin():
        organization = m.Organization(name=f"Office of {name}")
        session.add(organization)
        session.flush()
        service = m.Service(organization_id=organization.id, name=name, **values)
        session.add(service)
        session.flush()
        phone = m.Phone(service_id=service.id, number="+17675550142", source="a list of 2012")
        session.add_all([phone, m.ServiceNeed(service_id=service.id, need="legal")])
        session.flush()
        return service.id, phone.id


def gone(sessions: sessionmaker[Session]) -> None:
    """The directory is not emptied between tests: what these made is taken out again."""
    with sessions() as session, session.begin():
        session.execute(delete(m.FieldChange))
        for service in session.scalars(select(m.Service).where(m.Service.name.like("Zed %"))):
            for model in (m.CheckTask, m.Phone, m.ServiceNeed, m.ServiceText):
                for row in session.scalars(select(model).where(model.service_id == service.id)):
                    session.delete(row)
            session.flush()
            session.delete(service)
            session.flush()
            session.delete(session.get_one(m.Organization, service.organization_id))


def test_coverage_as_a_file_wants_a_fresh_proof_and_is_noted(
    signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    browser = signed_in("editor")
    page = browser.get("/directory/coverage?by=district").text
    for form in ("csv", "svg"):
        assert f'href="/directory/coverage.{form}?by=district"' in page
        answer = browser.get(f"/directory/coverage.{form}?by=district")
        name = f'attachment; filename="coverage-by-district.{form}"'
        assert (answer.status_code, answer.headers["Content-Disposition"]) == (200, name)
    with sessions() as session:
        noted = session.scalars(select(AuditEvent).order_by(AuditEvent.seq)).all()
        told = [(one.action, one.subject, one.detail) for one in noted]
    assert told == [
        ("coverage exported", "coverage", {"form": form, "by": "district"}) for form in ("csv", "svg")
    ]  # fmt: skip
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))
    for form in ("svg", "csv"):
        asked = browser.get(f"/directory/coverage.{form}?by=district").headers["Location"]
        assert parse_qs(urlsplit(asked).query) == {"then": [f"/directory/coverage.{form}?by=district"]}
        assert f'value="/directory/coverage.{form}?by=district"' in browser.get(asked).text
    then = parse_qs(urlsplit(asked).query)["then"][0]
    back = browser.post("/again", follow=False, then=then, password=PASSWORD).headers["Location"]
    assert browser.get(back).headers["Content-Disposition"] == 'attachment; filename="coverage-by-district.csv"'
    shown = [one for one in re.findall(r'<img src="([^"]+)"', page) if "coverage" in one]
    assert len(shown) == 2, "the island and the table, as pictures of the page"
    for one in shown:
        assert browser.get(unescape(one)).mimetype == "image/svg+xml", "a page that one may see shows its pictures"


@pytest.mark.parametrize("role", ["editor", "analyst"])
def test_who_is_on_duty_is_told_to_no_editor_and_no_analyst(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session], role: str
) -> None:
    with sessions() as session, session.begin():
        now = datetime.now(UTC)
        rota.add_shift(session, people["officer"], 1, now - timedelta(hours=1), now + timedelta(hours=9), now)
    assert "On duty: The officer" in signed_in("officer").words("/me")
    browser = signed_in(role)
    for path in {"editor": ("/me", "/directory", "/directory/coverage"), "analyst": ("/me", "/reports")}[role]:
        words = browser.words(path)
        assert "On duty" not in words, path
        assert "The officer" not in words, path


def test_a_file_of_somebody_who_must_prove_who_they_are_leads_back_to_where_they_were(
    signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    """Larger than a form may be: not "too large", but "is it you?"."""
    browser = signed_in("editor")
    browser.get("/directory/files")
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))
    head = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="services.csv"\r\n\r\n'
    answer = browser.client.post(
        "/directory/files", data=head + b"x" * 3 * 1024 * 1024 + b"\r\n--xx--\r\n",
        content_type="multipart/form-data; boundary=xx",
    )  # fmt: skip
    assert (answer.status_code, answer.headers["Location"]) == (303, "/again?then=/directory/files")
    assert "choose the file again" in browser.words("/again?then=/directory/files")
    back = browser.post("/again", follow=False, then="/directory/files", password=PASSWORD)
    assert back.headers["Location"] == "/directory/files"
    with sessions() as session:
        assert session.scalar(select(AuditEvent.action).where(AuditEvent.action == "directory imported")) is None


@pytest.mark.parametrize(
    ("sent", "then"),
    [("/me/password", "/me"), ("/me/passkeys/ask", "/me"), ("/directory/files", "/directory/files")],
)
def test_a_form_that_wants_a_proof_leads_back_to_its_page(
    signed_in: SignedIn, sessions: sessionmaker[Session], sent: str, then: str
) -> None:
    browser = signed_in("editor")
    browser.get("/me")
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert browser.post(sent, follow=False).headers["Location"] == f"/again?then={then}"
    assert "it was not kept" in browser.words("/again")


def test_a_service_is_found_checked_and_noted(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    service_id, phone_id = made(sessions, "Zed Clinic")
    try:
        editor = signed_in("editor")
        listed = editor.words("/directory?words=zed&need=legal")
        assert "1 services" in listed
        assert "no verified number" in listed
        page = editor.words(f"/directory/{service_id}")
        assert "not verified: never sent" in page
        assert "a list of 2012" in page
        editor.post(f"/directory/phone/{phone_id}/verify", service=str(service_id))
        with sessions() as session:
            phone = session.get_one(m.Phone, phone_id)
            assert phone.verified_by == "The editor"
            assert phone.verified_on is not None
            assert phone.next_check_due is not None
            noted = session.scalars(select(AuditEvent.action)).all()
        assert "phone verified" in noted
        assert "by The editor" in editor.words(f"/directory/{service_id}")
    finally:
        gone(sessions)


def test_what_texters_report_is_on_top_and_is_closed_by_a_person(
    sessions: sessionmaker[Session], signed_in: SignedIn
) -> None:
    service_id, _ = made(sessions, "Zed Shelter")
    try:
        with sessions() as session, session.begin():
            for _ in range(3):
                checks.report_wrong(session, service_id, at=datetime.now(UTC))
        editor = signed_in("editor")
        rows = editor.get("/directory/stale").text.partition("<tbody>")[2]
        assert "Zed Shelter" in rows.partition("</tr>")[0]
        page = editor.get(f"/directory/{service_id}")
        task = page.text.partition('action="/directory/tasks/')[2].partition("/")[0]
        editor.post(f"/directory/tasks/{task}/done", service=str(service_id), outcome="It rings now")
        assert "Texters say" not in editor.words(f"/directory/{service_id}")
        assert editor.post(f"/directory/tasks/{task}/done").status_code == 409
    finally:
        gone(sessions)


def test_an_officer_sees_but_does_not_change(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    service_id, phone_id = made(sessions, "Zed Office")
    try:
        officer = signed_in("officer")
        assert "it is right" not in officer.words(f"/directory/{service_id}")
        assert officer.post(f"/directory/phone/{phone_id}/verify").status_code == 403
        with sessions() as session:
            assert session.get_one(m.Phone, phone_id).verified_on is None
    finally:
        gone(sessions)


def test_coverage_is_a_table_a_picture_and_a_file(signed_in: SignedIn) -> None:
    editor = signed_in("editor")
    assert "Saint George" in editor.words("/directory/coverage")
    assert "Saint George" not in editor.words("/directory/coverage?by=district")
    rows = csv.DictReader(io.StringIO(editor.get("/directory/coverage.csv").text))
    row = next(row for row in rows if (row["area"], row["need"]) == ("Whole island", "legal"))
    kinds = {"v": "verified", "m": "migrants", "k": "kreyol"}
    told = " ".join(f"{float(row[f'{kind}_share']):.0%}{sign}" for sign, kind in kinds.items())
    assert float(row["migrants_share"]) > 0
    assert f"{row['services']} {told}" in editor.words("/directory/coverage")  # the table says what the file says
    svg = editor.get("/directory/coverage.svg")
    assert (svg.status_code, svg.mimetype) == (200, "image/svg+xml")
    assert editor.get("/directory/coverage.csv").text.startswith("area,need,services")
    assert editor.get("/directory/coverage.exe").status_code == 404


def test_rubbish_in_the_filters_is_answered(signed_in: SignedIn) -> None:
    editor = signed_in("editor")
    for query in (
        "page=-1",
        "page=9999999",
        "page=x",
        "words=%25_%27%22",
        "parish=%F0%9F%90%B8",
        "state=x",
    ):
        assert editor.get(f"/directory?{query}").status_code == 200, query
    assert editor.get("/directory?need=%00").status_code == 400
    assert editor.get(f"/directory/{uuid.UUID(int=1)}").status_code == 404


def seen(values: dict[str, str]) -> dict[str, Any]:
    """What a form of these fields sends back."""
    return values | {f"seen-{name}": value for name, value in values.items()}


def held(page: str) -> dict[str, str]:
    """What the form of a page shows as it is now."""
    return {name: unescape(value) for name, value in re.findall(r'name="seen-([a-z_]+)" value="([^"]*)"', page)}


def test_a_field_is_changed_seen_in_the_history_and_put_back(
    sessions: sessionmaker[Session], signed_in: SignedIn
) -> None:
    service_id, phone_id = made(sessions, "Zed Legal Aid")
    try:
        editor = signed_in("editor")
        editor.post(f"/directory/phone/{phone_id}/verify", service=str(service_id))
        path = f"/directory/rows/phone/{phone_id}?service={service_id}"
        now = held(editor.get(path).text)
        assert now["number"] == "+17675550142"
        done = editor.post(
            path, **seen(now) | {"number": "767 555 0143", "reason": "a new line"}, service=str(service_id)
        )
        assert "Kept." in done.text
        with sessions() as session:
            phone = session.get_one(m.Phone, phone_id)
            assert (phone.number, phone.verified_on) == ("+17675550143", None), "nobody has dialled the new one"
        late = editor.post(path, **seen(now) | {"number": "767 555 0144"})
        assert (late.status_code, "changed this meanwhile" in late.text) == (409, True)
        assert "767 555 0144" in late.text, "what was typed is kept"
        rows = editor.get(f"/directory/{service_id}/history").text
        assert "a new line" in rows
        change = next(part for part in rows.split("<tr>") if "a new line" in part)
        key = change.partition("/directory/changes/")[2].partition("/")[0]
        editor.post(f"/directory/changes/{key}/restore", service=str(service_id))
        with sessions() as session:
            assert session.get_one(m.Phone, phone_id).number == "+17675550142"
    finally:
        gone(sessions)


def test_a_wrong_value_is_told_on_its_form(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    service_id, phone_id = made(sessions, "Zed Help")
    try:
        editor = signed_in("editor")
        now = held(editor.get(f"/directory/rows/service/{service_id}").text)
        wrong = editor.post(f"/directory/rows/service/{service_id}", **seen(now) | {"needs": "gold"})
        assert (wrong.status_code, "Needs must be codes of" in wrong.text) == (409, True)
        assert editor.get(f"/directory/rows/staff/{service_id}").status_code == 404
        assert editor.post(f"/directory/rows/service/{phone_id}", **seen(now)).status_code == 404
        extra = editor.post(f"/directory/rows/service/{service_id}", **seen({"id": str(phone_id)}) | {"seen-id": "x"})
        assert extra.status_code == 409
        added = editor.post(f"/directory/{service_id}/add/phone", number="767 555 0145", channel="voice")
        assert "0145" in added.text
        assert editor.post(f"/directory/{service_id}/add/phone", number="12", channel="pigeon").status_code == 400
        assert editor.post(f"/directory/{service_id}/add/staff", name="x").status_code == 404
        editor.post(f"/directory/rows/service/{service_id}/retire", service=str(service_id))
        assert "Take into use again" in editor.words(f"/directory/{service_id}")
    finally:
        gone(sessions)


def test_what_is_confidential_is_there_only_for_those_who_may(
    sessions: sessionmaker[Session], app: Flask, signed_in: SignedIn
) -> None:
    service_id, phone_id = made(sessions, "Zed Refuge", confidential=True)
    paths = [
        f"/directory/{service_id}", f"/directory/{service_id}/history", f"/directory/{service_id}/texts",
        f"/directory/rows/phone/{phone_id}", f"/directory/rows/service/{service_id}",
    ]  # fmt: skip
    try:
        for role in ("analyst", "administrator"):
            assert {signed_in(role).get(path).status_code for path in paths} == {403}
        editor = signed_in("editor")
        assert {editor.get(path).status_code for path in paths} == {200}
        for form in ("json", "csv"):
            assert "Refuge" not in editor.get(f"/directory/files/directory.{form}").text
        assert "Refuge" not in editor.words("/directory/coverage")
    finally:
        gone(sessions)


def test_a_file_is_tried_first_and_its_faults_are_told(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    editor = signed_in("editor")
    sheet = editor.get("/directory/files/directory.csv").data
    tried = editor.post("/directory/files", act="try", file=(io.BytesIO(sheet), "services.csv"))
    assert "0 added, 0 changed" in tried.text
    bad = editor.post("/directory/files", act="import", file=(io.BytesIO(b"\xff\xfe\x00rubbish"), "services.csv"))
    assert "Nothing was changed" in bad.text
    assert editor.post("/directory/files", act="try", file=(io.BytesIO(b"x"), "x.exe")).status_code == 400
    assert editor.post("/directory/files", act="try").status_code == 400
    assert editor.get("/directory/files/template.xlsx").data.startswith(b"PK")


def test_a_translation_is_written_and_reviewed(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    service_id, _ = made(sessions, "Zed Words")
    try:
        editor = signed_in("editor")
        editor.post(f"/directory/{service_id}/add/service_text", field="name", language="ht", text="Pawol Zed")
        page = editor.get(f"/directory/{service_id}/texts").text
        assert "Pawol Zed" in page
        key = page.partition("/directory/texts/")[2].partition("/")[0]
        editor.post(f"/directory/texts/{key}/review", seen="Pawol Zed", service=str(service_id))
        with sessions() as session:
            text = session.get_one(m.ServiceText, uuid.UUID(key))
            assert (text.state, text.reviewed_by) == ("reviewed", "The editor")
    finally:
        gone(sessions)


def test_what_may_be_there_twice_is_merged_by_a_person(sessions: sessionmaker[Session], signed_in: SignedIn) -> None:
    keep, _ = made(sessions, "Zed Twin Clinic of Roseau")
    other, _ = made(sessions, "Zed Twin Clinic of Rosseau")
    try:
        editor = signed_in("editor")
        assert "Zed Twin Clinic of Rosseau" in editor.words("/directory/duplicates")
        assert editor.post("/directory/duplicates", keep="x", other="y").status_code == 409
        editor.post("/directory/duplicates", keep=str(keep), other=str(other))
        with sessions() as session:
            assert session.get_one(m.Service, other).status == "defunct"
    finally:
        gone(sessions)
