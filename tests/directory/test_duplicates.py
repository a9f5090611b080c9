"""What may be there twice is proposed; merging is a person's word, keeps everything, and can be taken back."""

import random
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import directory.models as m
from base.errors import InvalidInput, Refused
from directory import duplicates
from directory.exchange import hsds_out, sheet_files, tabular
from directory.exchange.intake import take_in
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
        empty.execute(update(m.Service).where(m.Service.status == "defunct").values(status="inactive"))
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


@pytest.mark.parametrize("form", ["csv", "hsds", "sheet"])
def test_an_import_does_not_bring_back_what_was_merged(empty: Session, tmp_path: Path, form: str) -> None:
    wipe(empty)
    offices = [office(empty, name) for name in ("Legal Aid", "Legal Ayd")]
    one, other = uuid.uuid4(), uuid.uuid4()
    for key, holder in ((one, offices[0]), (other, offices[1])):
        empty.add(m.Service(id=key, organization_id=holder, name=f"Advice of {holder}"))
        empty.flush()
        empty.add(m.Phone(service_id=key, number=PHONE))
    empty.flush()
    path = tmp_path / {"csv": "folder", "hsds": "file.json", "sheet": "file.csv"}[form]
    {"csv": tabular.export, "hsds": hsds_out.export, "sheet": sheet_files.export}[form](empty, path)
    merge(empty, offices[0], offices[1], by="A. Clerk", at=AT)
    merge(empty, one, other, by="A. Clerk", at=AT)
    before = everything(empty)
    report = take_in(empty, path, form=form, dry_run=False)
    assert report.faults == []
    assert f"service {other}: merged into {one}, left out" in report.notes
    after = everything(empty)
    assert [row["id"] for row in after["organization"]] == [offices[0]]
    assert after["phone"] == before["phone"]
    assert {row["id"]: (row["status"], row["organization_id"]) for row in after["service"]} == {
        one: ("active", offices[0]), other: ("defunct", offices[0]),
    }  # fmt: skip
    unmerge(empty, other, by="A. Clerk", at=AT)
    assert f"service {other}: merged into {one}, left out" not in take_in(empty, path, form=form, dry_run=True).notes
