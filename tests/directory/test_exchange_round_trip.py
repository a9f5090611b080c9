"""Export, an empty directory, import, export: the same, for each form, on the seed and on made-up directories."""

import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import directory.models as m
from directory.exchange import hsds_out, sheet_files, tabular
from directory.exchange.intake import take_in
from directory.exchange.report import Report
from directory.exchange.sheet_columns import OF_PLACE
from directory.exchange.tables import columns
from directory.hsds import public
from directory.load import seed
from tests.directory.exchange_world import TEXTS, fill, wipe

HERE = Path(__file__).parent
EXAMPLES = HERE / "hsds_examples"
SCHEMAS = {path.name: json.loads(path.read_text()) for path in (HERE / "hsds_schema").glob("*.json")}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
FORMS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "csv": ("csv", "folder", tabular.export),
    "hsds": ("hsds", "file.json", hsds_out.export),
    "ndjson": ("hsds", "file.ndjson", hsds_out.export),
    "sheet": ("sheet", "file.csv", sheet_files.export),
    "workbook": ("sheet", "file.xlsx", sheet_files.export),
}


def contents(path: Path) -> dict[str, bytes]:
    if path.suffix == ".xlsx":  # a zip file says when it was made
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name) for name in packed.namelist() if name != "docProps/core.xml"}
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    return {one.name: one.read_bytes() for one in found}


def services(session: Session, *, confidential: bool) -> int:
    """How many there are, or how many of them everybody may know."""
    query = select(func.count()).select_from(m.Service)
    return session.scalar(query if confidential else query.where(public.service())) or 0


def comes_back(session: Session, folder: Path, form: str, *, confidential: bool = True) -> None:
    """The round trip, and a second import that changes nothing."""
    kind, name, export = FORMS[form]
    first, second = folder / "first" / name, folder / "second" / name
    held = services(session, confidential=confidential)
    export(session, first, confidential=confidential)
    wipe(session)
    report = take_in(session, first, form=kind, dry_run=False, trust=True, confidential=confidential)
    assert report.lines()[:-1] == []
    assert services(session, confidential=True) == held > 0
    export(session, second, confidential=confidential)
    assert contents(second) == contents(first)
    again = take_in(session, first, form=kind, dry_run=False, trust=True, confidential=confidential)
    assert (again.added, again.changed, again.removed) == (0, 0, 0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("confidential", [False, True])
def test_the_real_directory(empty: Session, tmp_path: Path, form: str, confidential: bool) -> None:
    wipe(empty)
    seed(empty, demo=False)
    comes_back(empty, tmp_path, form, confidential=confidential)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(number=st.integers(0, 2**32), texts=st.lists(TEXT, min_size=1, max_size=6))
def test_made_up_directories(empty: Session, tmp_path: Path, form: str, number: int, texts: list[str]) -> None:
    wipe(empty)
    fill(empty, random.Random(number), 4, [*texts, *TEXTS])
    folder = tmp_path / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    comes_back(empty, folder, form)


def validate(name: str, one: Any) -> None:
    registry = Registry().with_resources((key, DRAFT202012.create_resource(it)) for key, it in SCHEMAS.items())
    jsonschema.Draft202012Validator(
        {"$ref": f"{name}.json"}, registry=registry, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(one)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_standards_own_examples_come_in_and_go_out_valid(empty: Session, tmp_path: Path, path: Path) -> None:
    wipe(empty)
    assert take_in(empty, path, form="hsds", dry_run=False).faults == []
    hsds_out.export(empty, tmp_path / "out.json")
    for one in json.loads((tmp_path / "out.json").read_bytes()):
        validate("service", one)


def test_the_standards_own_tables_come_in(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    report = take_in(empty, EXAMPLES / "csv", dry_run=False)
    assert report.faults == []
    assert "service_capacity service_id: it names none in the file; left out" in report.notes  # the example's fault
    money = empty.scalars(select(m.Funding)).one()
    assert None not in (money.organization_id, money.service_id)
    number, unit = empty.scalars(select(m.OrganizationIdentifier)).one(), empty.scalars(select(m.Unit)).one()
    assert (number.identifier_scheme, number.identifier, unit.identifier) == ("GB-COH", "1234567", "kgm")
    phone = empty.scalars(select(m.Phone)).one()
    given = json.loads((EXAMPLES / "service_full.json").read_bytes())["phones"][0]["number"]
    assert (phone.number, phone.extension) == (given.strip('"').replace(" ", ""), 100)
    tabular.export(empty, tmp_path / "out")
    wipe(empty)
    assert take_in(empty, tmp_path / "out", dry_run=False).faults == []


@pytest.mark.parametrize("form", FORMS)
def test_who_pays_registers_and_beds_come_back(empty: Session, tmp_path: Path, form: str) -> None:
    """The tables of HSDS that the seed does not use, column by column."""
    wipe(empty)
    fill(empty, random.Random(17), 6)
    kind, name, export = FORMS[form]
    export(empty, tmp_path / name, confidential=True)
    offers = m.Organization.id.in_(select(m.Service.organization_id))
    used: dict[Any, Any] = {  # a sheet and JSON tell of organizations that offer something
        m.Funding: m.Funding.service_id.is_not(None), m.ServiceCapacity: True, m.Unit: True,
        m.OrganizationIdentifier: m.OrganizationIdentifier.organization_id.in_(select(m.Organization.id).where(offers)),
    }  # fmt: skip
    told = {model: set(map(repr, empty.execute(select(*columns(model)).where(where)))) for model, where in used.items()}
    assert all(told.values())
    wipe(empty)
    take_in(empty, tmp_path / name, form=kind, dry_run=False, confidential=True)
    for model, where in used.items():
        assert set(map(repr, empty.execute(select(*columns(model)).where(where)))) == told[model]


def test_json_of_made_up_directories_is_valid(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    fill(empty, random.Random(7), 20)
    hsds_out.export(empty, tmp_path / "out.json")
    told = json.loads((tmp_path / "out.json").read_bytes())
    assert len(told) == services(empty, confidential=False) > 0
    for one in told:
        validate("service", one)


def kept(session: Session) -> list[Any]:
    """What the sheet's plain columns cannot show, without ids."""
    dated = select(m.Schedule.bymonthday, m.Schedule.valid_to, m.Schedule.notes).where(m.Schedule.valid_to.is_not(None))
    mine = dated.where(m.Schedule.service_id.is_not(None))
    seen = select(m.Phone.number, m.Phone.channel, m.Phone.verified_by, m.Phone.verified_on)
    asked: list[Any] = [
        select(m.ServiceText.field, m.ServiceText.language, m.ServiceText.text, m.ServiceText.reviewed_by),
        select(m.CostOption.amount, m.CostOption.service_id), mine, seen.where(m.Phone.service_id.is_not(None)),
        select(m.Service.confidence, m.Service.last_modified),
    ]  # fmt: skip
    return [sorted(map(repr, session.execute(one).all())) for one in asked]


def test_the_sheet_keeps_translations_costs_dates_and_checks(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    fill(empty, random.Random(11), 12)
    before = kept(empty)
    assert all(before)
    assert any("A. Clerk" in row for row in before[3])
    sheet_files.export(empty, tmp_path / "out.csv", confidential=True)
    wipe(empty)
    take_in(empty, tmp_path / "out.csv", form="sheet", dry_run=False, trust=True, confidential=True)
    assert kept(empty) == before


def of_places(session: Session) -> dict[str, set[str]]:
    """Every column of each row that hangs on a place, on a contact, or on an organization that offers something."""
    site, person, place = (m.ServiceAtLocation, m.DirectoryContact, m.Location)
    offers = m.Organization.id.in_(select(m.Service.organization_id))
    asked: dict[Any, Any] = {
        place: True, m.LocationAddress: True, m.Accessibility: True, site: True,
        m.Phone: (m.Phone.location_id != None) | (m.Phone.service_at_location_id != None),  # noqa: E711
        m.Schedule: m.Schedule.service_id == None,  # noqa: E711
        person: person.organization_id == None, m.Organization: offers,  # noqa: E711
        m.OrganizationName: m.OrganizationName.organization_id.in_(select(m.Service.organization_id)),
    }  # fmt: skip
    return {
        model.__tablename__: {repr(row) for row in session.execute(select(*columns(model)).where(where))}
        for model, where in asked.items()
    }


@pytest.mark.parametrize("form", ["sheet", "workbook"])
def test_the_sheet_keeps_what_hangs_on_places_contacts_and_organizations(
    empty: Session, tmp_path: Path, form: str
) -> None:
    wipe(empty)
    fill(empty, random.Random(13), 8)
    before = of_places(empty)
    assert all(before.values())
    path = tmp_path / FORMS[form][1]
    sheet_files.export(empty, path, confidential=True)
    wipe(empty)
    take_in(empty, path, form="sheet", dry_run=False, trust=True, confidential=True)
    assert of_places(empty) == before


def edited(path: Path, to: Path, **cells: str) -> None:
    """A sheet with other cells in its line for Soufriere."""
    head, *rows = sheet_files._csv_rows(path, Report())
    lines = [dict(zip(head[1], row, strict=True)) for _, row in rows]
    assert "Soufriere" in {line["village"] for line in lines}
    sheet_files.write_csv(to, [line | cells if line["village"] == "Soufriere" else line for line in lines])


def one_place(session: Session) -> m.Location:
    fill(session, random.Random(12), 1)
    (service,) = session.scalars(select(m.Service.id))
    place = m.Location(location_type="physical", parish="Saint Mark", place="Soufriere", name="Clinic")
    session.add(place)
    session.flush()
    session.add_all([
        m.ServiceAtLocation(service_id=service, location_id=place.id),
        m.Phone(location_id=place.id, number="+17675550100"),
    ])  # fmt: skip
    session.flush()
    return place


def test_a_place_that_a_clerk_moves_keeps_its_id_and_numbers(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    place = one_place(empty)
    sheet_files.export(empty, tmp_path / "out.csv", confidential=True)
    edited(tmp_path / "out.csv", tmp_path / "edited.csv", village="Scotts Head")
    assert take_in(empty, tmp_path / "edited.csv", form="sheet", dry_run=False, confidential=True).faults == []
    moved = empty.scalars(select(m.Location).where(m.Location.place == "Scotts Head")).one()
    assert (moved.id, moved.name) == (place.id, "Clinic")
    assert empty.scalars(select(m.Phone.location_id).where(m.Phone.number == "+17675550100")).all() == [place.id]


def test_a_place_whose_cells_were_emptied_does_not_come_with_its_records(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    one_place(empty)
    sheet_files.export(empty, tmp_path / "out.csv", confidential=True)
    edited(tmp_path / "out.csv", tmp_path / "edited.csv", **dict.fromkeys(OF_PLACE, ""))
    wipe(empty)
    assert take_in(empty, tmp_path / "edited.csv", form="sheet", dry_run=False, confidential=True).faults == []
    assert empty.scalars(select(m.Location).where(m.Location.place == "Soufriere")).all() == []
    assert "+17675550100" not in empty.scalars(select(m.Phone.number)).all()


def test_records_that_no_export_wrote_are_a_fault_and_change_nothing(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    one_place(empty)
    sheet_files.export(empty, tmp_path / "out.csv", confidential=True)
    for cell in ("{", "[]", '{"seed_row":[]}', '{"phone":[{"number":"+17675550101"}]}', '{"location":[{"id":"1"}]}'):
        edited(tmp_path / "out.csv", tmp_path / "edited.csv", records=cell, village="Scotts Head")
        report = take_in(empty, tmp_path / "edited.csv", form="sheet", dry_run=False, confidential=True)
        assert {fault.field for fault in report.faults} == {"records"}, cell
    assert "Scotts Head" not in empty.scalars(select(m.Location.place)).all()


def test_a_check_in_a_sheet_counts_only_when_trusted(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    fill(empty, random.Random(11), 12)
    sheet_files.export(empty, tmp_path / "out.csv", confidential=True)
    wipe(empty)
    take_in(empty, tmp_path / "out.csv", form="sheet", dry_run=False, confidential=True)
    assert set(empty.scalars(select(m.Phone.verified_by))) == {None}


def test_a_place_that_a_number_hangs_on_is_a_fault_of_its_row_in_a_dry_run(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    fill(empty, random.Random(11), 1)
    (service,) = empty.scalars(select(m.Service.id))
    place = m.Location(location_type="physical", parish="Saint Mark")
    empty.add(place)
    empty.flush()
    site = m.ServiceAtLocation(service_id=service, location_id=place.id)
    empty.add(site)
    empty.flush()
    empty.add(m.Phone(service_at_location_id=site.id, number="+17675550100"))
    empty.flush()
    sheet_files.export(empty, tmp_path / "out.csv", confidential=True)
    head, first, *_ = sheet_files._csv_rows(tmp_path / "out.csv", Report())
    cells = [("" if name in OF_PLACE else cell) for name, cell in zip(head[1], first[1], strict=True)]
    sheet_files.write_csv(tmp_path / "edited.csv", [dict(zip(head[1], cells, strict=True))])
    report = take_in(empty, tmp_path / "edited.csv", form="sheet", dry_run=True, confidential=True)
    assert [(fault.row, fault.field) for fault in report.faults] == [(2, "parish")]
