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

START = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def people(sessions: sessionmaker[Session]) -> list[uuid.UUID]:
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


def test_a_feed_has_the_officer_s_own_shifts(client: FlaskClient, people: list[uuid.UUID]) -> None:
    answer = client.get(calendar.path(people[0]))
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    events = Calendar.from_ical(answer.data).walk("VEVENT")
    assert sorted(str(event["SUMMARY"]) for event in events) == ["Backup (Koudmen)", "On call (Koudmen)"]
    assert min(event.decoded("DTSTART") for event in events) == START
    assert b"Jean" not in answer.data


def test_a_wrong_key_an_unknown_account_and_an_ended_one_are_not_told_apart(
    client: FlaskClient, people: list[uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    other = calendar.path(people[1]).rpartition("/")[2]
    with sessions() as session, session.begin():
        session.get_one(Staff, people[1]).disabled_at = START
    paths = [f"/calendar/{people[0]}/{other}", calendar.path(uuid.uuid4()), calendar.path(people[1])]
    assert {(client.get(path).status_code, client.get(path).data) for path in paths} == {
        (404, client.get("/no-such-page").data)
    }
