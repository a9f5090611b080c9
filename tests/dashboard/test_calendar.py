"""An officer's calendar feed: known by its address alone, and with nothing in it but levels and hours."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy.orm import Session, sessionmaker

from dashboard import calendar
from oncall import rota, staff
from oncall.models import Staff
from tests.dashboard.conftest import SignedIn

START = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def officers(sessions: sessionmaker[Session]) -> list[uuid.UUID]:
    """Two officers, the first with two shifts and the second with one."""
    with sessions() as session, session.begin():
        made = []
        for name, phone in (("Marie", "+17675550198"), ("Jean", "+17675550199")):
            who = Staff(
                name=name,
                roles=["officer"],
                phone=phone,
                phone_lookup=staff.phone_lookup(phone),
                phone_verified_at=START,
            )
            session.add(who)
            session.flush()
            made.append(who.id)
        later = START + timedelta(hours=8)
        for who_id, level, start in ((made[0], 1, START), (made[0], 2, later), (made[1], 3, START)):
            rota.add_shift(session, who_id, level, start, start + timedelta(hours=8), START)
    return made


def path(sessions: sessionmaker[Session], staff_id: uuid.UUID) -> str:
    with sessions() as session:
        return calendar.path(session.get_one(Staff, staff_id))


def test_a_feed_has_the_officer_s_own_shifts(
    client: FlaskClient, officers: list[uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    answer = client.get(path(sessions, officers[0]))
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    events = Calendar.from_ical(answer.data).walk("VEVENT")
    assert sorted(str(event["SUMMARY"]) for event in events) == ["Backup (Koudmen)", "On call (Koudmen)"]
    assert min(event.decoded("DTSTART") for event in events) == START
    assert b"Jean" not in answer.data


def test_a_wrong_key_an_unknown_account_and_an_ended_one_are_not_told_apart(
    client: FlaskClient, officers: list[uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    other = path(sessions, officers[1]).rpartition("/")[2]
    with sessions() as session, session.begin():
        session.get_one(Staff, officers[1]).disabled_at = START
    unknown = f"/calendar/{uuid.uuid4()}/{other}"
    paths = [f"/calendar/{officers[0]}/{other}", unknown, path(sessions, officers[1])]
    assert {(client.get(path).status_code, client.get(path).data) for path in paths} == {
        (404, client.get("/no-such-page").data)
    }


def test_an_address_that_somebody_else_learnt_is_ended_by_its_owner(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browser = signed_in("officer")
    old = path(sessions, people["officer"])
    assert old in browser.get("/me").text
    assert browser.get(old).status_code == 200
    assert "another address now" in browser.post("/me/calendar").text
    new = path(sessions, people["officer"])
    assert (browser.get(old).status_code, browser.get(new).status_code) == (404, 200)
    assert new in browser.get("/me").text
