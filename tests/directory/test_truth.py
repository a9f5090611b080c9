"""Verified by a named person on a day; a changed number is unverified; a report makes it due."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from base.errors import InvalidInput
from directory import checks, truth
from tests.directory.conftest import Add

DAY = date(2026, 11, 1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def phone_of(session: Session, number: str) -> m.Phone:
    return session.scalars(select(m.Phone).where(m.Phone.number == number)).one()


def test_a_verified_number_is_due_again_after_half_a_year(empty: Session, add: Add) -> None:
    add("Clinic", "health", phone="+17675550101")
    phone = phone_of(empty, "+17675550101")
    assert [row[0].id for row in truth.due(empty, DAY)] == [phone.id]
    truth.verify(empty, phone, by="A. Clerk", on=DAY)
    assert truth.due(empty, DAY) == []
    assert [row[0].id for row in truth.due(empty, DAY + truth.GOOD_FOR)] == [phone.id]
    with pytest.raises(InvalidInput):
        truth.verify(empty, phone, by=" ", on=DAY)
    for now in (None, NOON):
        with pytest.raises(InvalidInput, match="not come yet"):
            truth.verify(empty, phone, by="A. Clerk", on=DAY.replace(year=2926), now=now)


def test_a_report_puts_the_number_first_on_the_list(empty: Session, add: Add) -> None:
    add("Clinic", "health", phone="+17675550101")
    service = add("Shelter", "housing", phone="+17675550102", verified=True)
    phone = phone_of(empty, "+17675550102")
    truth.verify(empty, phone, by="A. Clerk", on=NOON.date())
    task = checks.report_wrong(empty, service, at=NOON)
    assert checks.report_wrong(empty, service, at=NOON) == task
    assert [(row[0].number, row[1]) for row in truth.due(empty, NOON.date())] == [
        ("+17675550102", 2),
        ("+17675550101", 0),
    ]
    checks.finish(empty, task, by="A. Clerk", at=NOON, outcome="it is right")
    assert [row[0].number for row in truth.due(empty, NOON.date())] == ["+17675550101"]
