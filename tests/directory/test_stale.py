"""The work list: what was reported first, then what is given out most, then what is oldest."""

import uuid
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from directory import checks, edit, given, truth
from directory.stale import stale
from tests.directory.conftest import Add

NOON = datetime(2026, 11, 20, 16, tzinfo=UTC)
DAY = NOON.date()


def numbers(session: Session, **how: bool) -> list[tuple[str | None, int, int]]:
    return [(one.number, one.reports, one.given) for one in stale(session, DAY, **how) if one.table == "phone"]


def phone(session: Session, number: str) -> m.Phone:
    return session.scalars(select(m.Phone).where(m.Phone.number == number)).one()


def test_reported_then_given_out_then_oldest(empty: Session, add: Add) -> None:
    for number in ("+17675550101", "+17675550102", "+17675550103", "+17675550104", "+17675550105"):
        add(f"Clinic {number}", "health", phone=number, verified=True)
    for number, age in (("+17675550101", 200), ("+17675550102", 300), ("+17675550103", 190), ("+17675550104", 5)):
        truth.verify(empty, phone(empty, number), by="A. Clerk", on=DAY - timedelta(days=age))
    often, fresh = phone(empty, "+17675550103"), phone(empty, "+17675550104")
    for _ in range(3):
        given.record(empty, often.service_id or uuid.uuid4(), [often.id], on=DAY)
    given.record(empty, often.service_id or uuid.uuid4(), [often.id], on=DAY - timedelta(days=120))
    assert numbers(empty)[:3] == [("+17675550103", 0, 3), ("+17675550102", 0, 0), ("+17675550101", 0, 0)]
    checks.report_wrong(empty, fresh.service_id or uuid.uuid4(), at=NOON, phone_id=fresh.id)
    assert numbers(empty)[0] == ("+17675550104", 1, 0)


def test_a_report_is_about_the_number_that_was_given_out(empty: Session, add: Add) -> None:
    service = add("Clinic", "health", phone="+17675550101", verified=True)
    empty.add(m.Phone(service_id=service, number="+17675550102", verified_by="A. Clerk", verified_on=DAY))
    empty.flush()
    one, two = phone(empty, "+17675550101"), phone(empty, "+17675550102")
    first = checks.report_wrong(empty, service, at=NOON, phone_id=two.id)
    assert checks.report_wrong(empty, service, at=NOON, phone_id=two.id) == first
    assert [(row[0].id, row[1]) for row in truth.due(empty, DAY)] == [(two.id, 2)]
    other = checks.report_wrong(empty, service, at=NOON)  # which one is not known: both
    assert other != first
    assert {row[0].id: row[1] for row in truth.due(empty, DAY)} == {one.id: 1, two.id: 3}
    assert checks.report_wrong(empty, service, at=NOON, phone_id=uuid.uuid4()) == other  # gone since


def test_hours_addresses_and_services_are_on_the_list(empty: Session, add: Add) -> None:
    service = add(
        "Clinic", "health", parish="Saint George", address="1 Long Street",
        opening={"byday": "MO", "opens_at": time(8), "closes_at": time(16)},
    )  # fmt: skip
    assert {one.table for one in stale(empty, DAY)} == {"schedule", "location_address", "service"}
    assert {one.service_id for one in stale(empty, DAY)} == {service}
    checks.report_wrong(empty, service, at=NOON, kind="hours")
    first = stale(empty, DAY)[0]
    assert (first.table, first.reports) == ("schedule", 1)
    address = empty.scalars(select(m.LocationAddress)).one()
    truth.verify(empty, address, by="A. Clerk", on=DAY)
    assert (address.verified_by, address.next_check_due) == ("A. Clerk", DAY + truth.GOOD_FOR)
    edit.retire(empty, empty.scalars(select(m.Schedule)).one(), by="A. Clerk", now=NOON)
    assert [one.table for one in stale(empty, DAY)] == ["service"]
    assert {one.table for one in stale(empty, DAY + truth.GOOD_FOR)} == {"service", "location_address"}


def test_what_is_old_by_its_source_comes_before_what_is_newer(empty: Session, add: Add) -> None:
    for name, year in (("Newer", 2024), ("Older", 2016), ("Nobody knows", None)):
        add(name, "health", source_year=year)
    assert [one.service for one in stale(empty, DAY)] == ["Nobody knows", "Older", "Newer"]
    assert stale(empty, DAY)[1].known_on == date(2016, 12, 31)


def test_the_confidential_is_on_the_list_only_for_those_who_may_see_it(empty: Session, add: Add) -> None:
    add("Refuge", "safety", phone="+17675550101", parish="Saint Luke", address="9 Hidden Road", confidential=True)
    add("Office", "safety", phone="+17675550102", hidden_phone=True)
    add("Clinic", "health", parish="Saint John", address="8 Quiet Road", hidden_place=True)
    told = stale(empty, DAY)
    assert {(one.table, one.service) for one in told} == {("service", "Office"), ("service", "Clinic")}
    everything = stale(empty, DAY, confidential=True)
    assert {"Refuge", "Office", "Clinic"} == {one.service for one in everything}
    assert {one.table for one in everything} == {"phone", "location_address", "service"}
