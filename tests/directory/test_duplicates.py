"""What may be there twice is proposed; merging is a person's word, keeps everything, and can be taken back."""

import random
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from base.errors import InvalidInput, Refused
from directory import duplicates
from directory.exchange.tables import MODELS, rows_to_export
from directory.merging import merge, unmerge
from tests.directory.conftest import Add
from tests.directory.exchange_world import fill, wipe

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PHONE = "+17675550101"


def office(session: Session, name: str) -> uuid.UUID:
    key = uuid.uuid4()
    session.add(m.Organization(id=key, name=name))
    session.flush()
    return key


def everything(session: Session) -> dict[str, list[dict[str, Any]]]:
    session.expire_all()
    rows = rows_to_export(session, confidential=True)
    return {model.__tablename__: rows[model] for model in MODELS}


@pytest.mark.parametrize(
    ("one", "other", "proposed"),
    [
        ("Social Welfare Division", "Social Welfare Divison", True),
        ("Legal Aid Clinic", "The Clinic for Legal Aid", True),
        ("Bureau of Gender Affairs", "BUREAU OF GENDER AFFAIRS", True),
        ("Health Centre 1", "Health Centre 2", False),
        ("Marigot Health Centre", "Wesley Health Centre", False),
    ],
)
def test_one_organisation_spelled_twice_is_proposed(empty: Session, one: str, other: str, proposed: bool) -> None:
    wipe(empty)
    keys = {office(empty, one), office(empty, other)}
    found = duplicates.find(empty)
    assert [{each.keep, each.other} for each in found] == ([keys] if proposed else [])


def test_the_same_number_at_services_of_like_names(empty: Session, add: Add) -> None:
    one = add("Counselling line", "mental_health", phone=PHONE)
    other = add("Line for counselling of women", "mental_health", phone=PHONE)
    add("Bakery", "food", phone=PHONE)
    (found,) = duplicates.find(empty)
    assert {found.keep, found.other} == {one, other}
    assert f"the same number {PHONE}" in found.why


def test_nothing_confidential_is_in_a_proposal(empty: Session, add: Add) -> None:
    add("Zephyrine house", "shelter", phone=PHONE, confidential=True)
    add("Zephyrine house", "shelter", phone=PHONE)
    assert duplicates.find(empty) == []
    assert len(duplicates.find(empty, confidential=True)) == 1


def test_two_services_become_one_and_two_again(empty: Session, add: Add) -> None:
    keep = add("Clinic", "health", parish="Saint John", phone=PHONE, speaks=("en",), documents=("card",))
    other = add(
        "The clinic", "health", "food", phone=PHONE, verified=True, speaks=("en", "ht"), fees_description="free"
    )
    before = everything(empty)
    merge(empty, keep, other, by="A. Clerk", at=AT)
    row = empty.get_one(m.Service, keep)
    phones = empty.scalars(select(m.Phone).where(m.Phone.service_id == keep)).all()
    assert [(one.number, one.verified_on) for one in phones] == [(PHONE, date(2026, 11, 1))]  # the one that was dialled
    needs = select(m.ServiceNeed.need).where(m.ServiceNeed.service_id == keep)
    assert (row.fees_description, sorted(empty.scalars(needs))) == ("free", ["food", "health"])
    spoken = select(m.SpokenLanguage.code).where(m.SpokenLanguage.service_id == keep)
    assert sorted(empty.scalars(spoken)) == ["en", "ht"]
    assert empty.get_one(m.Service, other).status == "defunct"
    assert all(one.updated_by == "A. Clerk" for one in empty.scalars(select(m.FieldChange)))
    unmerge(empty, other, by="B. Clerk", at=AT)
    assert everything(empty) == before


def test_two_organisations_become_one_and_two_again(empty: Session) -> None:
    for seed in range(12):
        wipe(empty)
        fill(empty, random.Random(seed), 6)
        keep, other = empty.scalars(select(m.Organization.id).order_by(m.Organization.id).limit(2))
        name, before = empty.get_one(m.Organization, other).name, everything(empty)
        merge(empty, keep, other, by="A. Clerk", at=AT)
        assert empty.get(m.Organization, other) is None
        after = everything(empty)
        assert len(after["service"]) == len(before["service"])
        assert {row["organization_id"] for row in after["service"]}.isdisjoint({other})
        names = [row["name"] for row in after["organization_name"] if row["organization_id"] == keep]
        assert name in [*names, empty.get_one(m.Organization, keep).name]
        unmerge(empty, other, by="A. Clerk", at=AT)
        assert everything(empty) == before


def test_made_up_services_merge_and_come_apart(empty: Session) -> None:
    for seed in range(12):
        wipe(empty)
        fill(empty, random.Random(seed), 3)
        keep, other = empty.scalars(select(m.Service.id).order_by(m.Service.id).limit(2))
        before = everything(empty)
        merge(empty, keep, other, by="A. Clerk", at=AT)
        unmerge(empty, other, by="A. Clerk", at=AT)
        assert everything(empty) == before


def test_who_may_not_be_merged(empty: Session, add: Add) -> None:
    public, secret = add("Clinic", "health"), add("Zephyrine", "shelter", confidential=True)
    with pytest.raises(Refused):
        merge(empty, public, secret, by="A. Clerk", at=AT)
    for keep, other in ((public, public), (public, uuid.uuid4())):
        with pytest.raises(InvalidInput):
            merge(empty, keep, other, by="A. Clerk", at=AT)
    with pytest.raises(InvalidInput):
        unmerge(empty, public, by="A. Clerk", at=AT)
    assert empty.get_one(m.Service, secret).status == "active"
