"""A file undoes no check's end and reaches nothing that is hidden, and no chain of parents goes round."""

import csv
import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from base.db import Base
from directory import edit, search
from directory.exchange import tabular
from directory.exchange.cells import written
from directory.exchange.intake import take_in
from directory.exchange.put import defaults
from directory.exchange.tables import file_name
from directory.found import Query
from directory.merging import merge
from tests.directory.conftest import Add
from tests.directory.test_exchange import edit as edit_file
from tests.directory.test_merging_twice import AT

OWN, NEW = "+17675550120", "+17675550121"


def write(path: Path, *services: dict[str, Any]) -> Path:
    path.write_text(json.dumps(services))
    return path


def append(folder: Path, model: type[Base], **row: Any) -> None:
    """One more line in a table; what it does not name is as in any new row."""
    values = {name: written(value) for name, value in (defaults(model) | row).items()}
    with (folder / file_name(model)).open("r+", newline="") as file:
        names = next(csv.reader(file))
        file.seek(0, 2)
        csv.DictWriter(file, names).writerow(values)


def test_an_old_file_brings_a_number_back_but_not_its_check(empty: Session, add: Add, tmp_path: Path) -> None:
    """It was taken out of use because nobody answered; a copy from before says that it was verified."""
    add("Clinic", "health", phone=OWN, verified=True)
    tabular.export(empty, tmp_path / "before")
    phone = empty.scalars(select(m.Phone)).one()
    edit.retire(empty, phone, by="A. Clerk", now=AT)
    assert take_in(empty, tmp_path / "before", dry_run=False).faults == []
    phone = empty.scalars(select(m.Phone)).one()
    assert (phone.retired_on, phone.verified_on, phone.verified_by) == (None, None, None)
    assert search.find(empty, Query(needs=("health",)))[0].phones == ()


def test_what_a_file_changes_is_unverified_as_what_a_clerk_changes(empty: Session, add: Add, tmp_path: Path) -> None:
    add("Clinic", "health", parish="Saint John", address="1 Bay Street", opening={"byday": "MO"}, phone=OWN, demo=True)
    for model in (m.LocationAddress, m.Schedule):
        empty.query(model).update({"verified_by": "A. Clerk", "verified_on": date(2026, 11, 1)})
    empty.expire_all()
    tabular.export(empty, tmp_path / "out")
    edit_file(tmp_path / "out", "addresses.csv", {"address_1": "2 Bay Street"})
    edit_file(tmp_path / "out", "schedules.csv", {"valid_from": "2026-12-01"})
    edit_file(tmp_path / "out", "phones.csv", {"number": f"'{NEW}"})
    assert take_in(empty, tmp_path / "out", dry_run=False).faults == []
    assert empty.scalars(select(m.LocationAddress)).one().verified_on is None
    assert empty.scalars(select(m.Schedule)).one().verified_on is None
    phone = empty.scalars(select(m.Phone)).one()
    assert (phone.number, phone.demo) == (NEW, False)


def test_nothing_is_hung_on_a_confidential_service(empty: Session, add: Add, tmp_path: Path) -> None:
    office = add("Office", "safety")
    refuge = add("Zandoli", "shelter", confidential=True, referred_by_id=office, parish="Saint John")
    phone = m.Phone(id=uuid.uuid4(), service_id=refuge, number=OWN)
    empty.add(phone)
    empty.flush()
    place = empty.scalars(select(m.Location.id)).one()
    phones = [{"id": str(phone.id), "number": NEW}, {"id": str(uuid.uuid4()), "number": NEW}]
    at = [{"id": str(uuid.uuid4()), "location": {"id": str(place), "location_type": "physical", "name": "Here"}}]
    term = {"id": str(uuid.uuid4()), "link_entity": "service", "value": "told"}
    owner = str(empty.get_one(m.Service, refuge).organization_id)
    one = {"id": str(refuge), "name": "Zandoli", "status": "active", "organization_id": owner, "phones": phones,
           "attributes": [term], "service_at_locations": at}  # fmt: skip
    path = write(tmp_path / "in.json", one)
    report = take_in(empty, path, dry_run=False, form="hsds")
    assert (report.faults, report.added, report.changed) == ([], 0, 0)
    assert empty.scalars(select(m.Phone.number)).all() == [OWN]
    assert empty.get_one(m.Location, place).name is None
    path = write(tmp_path / "in.json", one | {"service_at_locations": []})
    assert take_in(empty, path, dry_run=False, form="hsds", confidential=True).changed > 0
    assert set(empty.scalars(select(m.Phone.number))) == {NEW}


def office(session: Session, name: str, above: uuid.UUID | None = None) -> uuid.UUID:
    key = uuid.uuid4()
    session.add(m.Organization(id=key, name=name, parent_organization_id=above))
    session.flush()
    return key


def organizations(path: Path, *rows: tuple[uuid.UUID, str, uuid.UUID | None]) -> Path:
    path.mkdir()
    with (path / "organizations.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "name", "description", "parent_organization_id"))
        writer.writerows((key, name, "", above or "") for key, name, above in rows)
    return path


def test_a_file_closes_no_chain_that_began_here(empty: Session, add: Add, tmp_path: Path) -> None:
    one = office(empty, "One")
    two = office(empty, "Two", office(empty, "Between", one))
    report = take_in(empty, organizations(tmp_path / "in", (one, "One", two)), dry_run=False)
    assert "leads back to itself" in "\n".join(report.lines())
    assert empty.get_one(m.Organization, one).parent_organization_id is None


def test_a_chain_names_nothing_that_the_file_does_not(empty: Session, add: Add, tmp_path: Path) -> None:
    """X is below Y, Y below what is hidden, that below W; the file puts W below V, and V below the hidden one again."""
    w, x = office(empty, "W"), office(empty, "X")
    hidden = office(empty, "Zandoli's friends", w)
    y, v = office(empty, "Y", hidden), office(empty, "V", hidden)
    refuge = add("Zandoli", "shelter", confidential=True)
    empty.get_one(m.Service, refuge).organization_id = hidden
    empty.flush()
    report = take_in(empty, organizations(tmp_path / "in", (x, "X", y), (w, "W", v)), dry_run=False)
    told = "\n".join(report.lines())
    assert "leads back to itself" in told
    assert str(hidden) not in told


def test_no_chain_is_longer_than_can_be_told(empty: Session, add: Add, tmp_path: Path) -> None:
    keys = [uuid.uuid4() for _ in range(2000)]
    rows = [(key, "An office", above) for key, above in zip(keys, [None, *keys], strict=False)]
    report = take_in(empty, organizations(tmp_path / "in", *rows), dry_run=False)
    assert "stand above it" in "\n".join(report.lines())
    nested: dict[str, Any] = {"id": str(uuid.uuid4()), "name": "An office"}
    for key in keys[:400]:
        nested = {"id": str(key), "name": "An office", "parent_organization": nested}
    report = take_in(empty, write(tmp_path / "in.json", nested), dry_run=False, form="hsds")
    assert "nested too deep" in "\n".join(report.lines())


def test_an_organization_merged_into_one_below_it_is_not_above_itself(empty: Session, add: Add) -> None:
    top = office(empty, "Ministry of Health")
    between = office(empty, "Health districts", top)
    keep = office(empty, "Ministry of health", between)
    merge(empty, keep, top, by="A. Clerk", at=AT)
    assert empty.get_one(m.Organization, keep).parent_organization_id is None
    assert empty.get_one(m.Organization, between).parent_organization_id == keep


def test_a_check_of_parents_ends_even_where_a_loop_is_here(empty: Session, add: Add) -> None:
    one = office(empty, "One")
    two = office(empty, "Two", one)
    empty.get_one(m.Organization, one).parent_organization_id = two
    third = empty.get_one(m.Organization, office(empty, "Three"))
    empty.flush()
    assert edit.edit(empty, third, "parent_organization_id", str(one), by="A. Clerk", now=AT)


def test_a_new_service_says_when_it_was_written(empty: Session, add: Add) -> None:
    values = {"name": "Desk", "organization_id": office(empty, "One")}
    assert edit.create(empty, m.Service, values, by="A. Clerk", now=AT).last_modified == AT


def test_what_hangs_on_a_row_that_is_left_out_is_left_out_too(empty: Session, add: Add, tmp_path: Path) -> None:
    """A contact and a place of a refuge, new in the file, with a number each, and a service of the refuge's owner."""
    refuge = add("Zandoli", "shelter", confidential=True, parish="Saint John")
    owner = office(empty, "Zandoli's friends")
    empty.get_one(m.Service, refuge).organization_id = owner
    empty.flush()
    open_ = add("Office", "safety")
    place = empty.scalars(select(m.Location.id)).one()
    tabular.export(empty, tmp_path / "in")
    person, site, other = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    edit_file(tmp_path / "in", "services.csv", {"referred_by_id": str(other)})
    append(tmp_path / "in", m.Service, id=refuge, organization_id=owner, name="Zandoli")
    append(tmp_path / "in", m.DirectoryContact, id=person, service_id=refuge, name="A. Clerk")
    append(tmp_path / "in", m.ServiceAtLocation, id=site, service_id=refuge, location_id=place)
    append(tmp_path / "in", m.Service, id=other, organization_id=owner, name="More")
    hung = {"contact_id": person, "service_at_location_id": site, "service_id": other}
    for name, key in hung.items():
        append(tmp_path / "in", m.Phone, id=uuid.uuid4(), number=NEW, **{name: key})
    report = take_in(empty, tmp_path / "in", dry_run=False)
    assert (report.faults, report.added, report.changed) == ([], 0, 0)
    told = "rows that hang on what this import must not touch are left out"
    files = ("contacts", "service_at_location", "services", "phones")
    assert [report.notes[f"{name}.csv: {told}"] for name in files] == [1, 1, 1, 3]
    assert empty.scalars(select(m.Phone)).all() == []
    assert empty.get_one(m.Service, open_).referred_by_id is None


def test_no_number_is_hung_on_a_person_of_a_refuge_and_no_hidden_one_changed(
    empty: Session, add: Add, tmp_path: Path
) -> None:
    add("Office", "safety")
    phone = m.Phone(id=uuid.uuid4(), number=OWN, confidential=True)
    empty.add(phone)
    empty.flush()
    tabular.export(empty, tmp_path / "in")
    append(tmp_path / "in", m.Phone, id=phone.id, number=NEW)
    assert take_in(empty, tmp_path / "in", dry_run=False).faults == []
    refuge = add("Zandoli", "shelter", confidential=True)
    person = m.DirectoryContact(id=uuid.uuid4(), service_id=refuge, name="A. Clerk")
    empty.add(person)
    empty.flush()
    append(tmp_path / "in", m.Phone, id=uuid.uuid4(), number=NEW, contact_id=person.id)
    assert take_in(empty, tmp_path / "in", dry_run=False).faults == []
    assert empty.scalars(select(m.Phone.number)).all() == [OWN]
