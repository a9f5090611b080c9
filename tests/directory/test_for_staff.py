"""Services as staff choose them: what is found, in which order, and what is kept from whom."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from directory import for_staff
from directory.models import Service


def test_by_need_those_of_the_parish_first_then_national_ones(session: Session) -> None:
    serving = set(session.scalars(text(SERVING), {"parish": "Saint John"}))
    found = for_staff.choices(session, need="health", place="Portsmouth", confidential=True, limit=100)
    groups = [0 if one.id in serving else 1 if one.national else 2 for one in found]
    assert groups == sorted(groups)
    assert set(groups) == {0, 1, 2}, "each kind is in the directory"


SERVING = """SELECT a.service_id FROM service_at_location a JOIN location l ON l.id = a.location_id
WHERE l.parish = :parish UNION SELECT service_id FROM service_area WHERE parish = :parish AND service_id IS NOT NULL"""


@pytest.mark.parametrize("place", ["saint george", "St. George", "ROSEAU", " roseau "])
def test_a_place_or_parish_however_it_is_written(session: Session, place: str) -> None:
    first = for_staff.choices(session, need="health", place=place, limit=3)
    assert all("Saint George" in one.where for one in first)


def test_an_unknown_place_leaves_nothing_out(session: Session) -> None:
    assert for_staff.choices(session, need="health", place="Atlantis") == for_staff.choices(session, need="health")


def test_by_a_part_of_the_name(session: Session) -> None:
    name = session.scalars(select(Service.name).where(~Service.confidential).order_by(Service.name).limit(1)).one()
    assert name in {one.name for one in for_staff.choices(session, name=name[2:9].upper())}
    assert for_staff.choices(session, name="%") == []
    assert for_staff.choices(session) == []


def test_what_is_confidential_only_for_who_may(session: Session) -> None:
    hidden = session.scalars(select(Service.id).where(Service.confidential)).all()
    assert hidden
    ours = for_staff.choices(session, need="safety", confidential=True, limit=100)
    theirs = for_staff.choices(session, need="safety", limit=100)
    assert {one.id for one in ours if one.confidential} & set(hidden)
    assert not {one.id for one in theirs} & set(hidden)
    assert for_staff.told(session, hidden) == []


def test_what_is_closed_is_not_offered(session: Session) -> None:
    one = for_staff.choices(session, need="safety")[0]
    session.get_one(Service, one.id).status = "defunct"
    session.flush()
    assert one.id not in {other.id for other in for_staff.choices(session, need="safety", limit=100)}
