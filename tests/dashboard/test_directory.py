"""The directory on the staff site: found, checked, and what is confidential shown only to those who may."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.audit import AuditEvent
from directory import checks
from tests.dashboard.conftest import SignedIn


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
            for model in (m.CheckTask, m.Phone, m.ServiceNeed):
                for row in session.scalars(select(model).where(model.service_id == service.id)):
                    session.delete(row)
            session.flush()
            session.delete(service)
            session.flush()
            session.delete(session.get_one(m.Organization, service.organization_id))


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
