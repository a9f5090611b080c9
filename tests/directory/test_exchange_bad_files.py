"""Bad files: each is told by row and field in plain words, in bounded time and memory, and changes nothing."""

import csv
import io
import json
import tracemalloc
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import directory.models as m
from directory.exchange import forms, sheet_files, tabular
from directory.exchange.intake import take_in
from directory.exchange.report import Fault, Report
from directory.exchange.sheet_columns import COLUMNS, NAMES
from directory.exchange.sheet_view import Cells
from directory.hsds.objects import Objects
from tests.directory.conftest import Add
from tests.directory.exchange_world import wipe

ORGANIZATION, SERVICE = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
CAPACITY = {"service_id": SERVICE, "unit_id": ORGANIZATION, "available": "3", "updated": "2026-01-01T08:00:00Z"}
NUMBER = {"identifier_type": "Company number", "identifier": "17"}
LINE = {"organisation": "Office", "service": "Help", "needs": "food"}


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(m.Service)) or 0


def refused(session: Session, path: Path) -> Report:
    """The report of an import that must not do anything."""
    before = count(session)
    report = take_in(session, path, form=forms.guess(path), dry_run=False, confidential=True)
    assert report.faults
    assert count(session) == before
    return report


def sheet(folder: Path, *lines: Cells, ending: str = "csv") -> Path:
    path = folder / f"sheet.{ending}"
    full = [dict.fromkeys(NAMES, "") | LINE | line for line in lines]
    if ending == "xlsx":
        sheet_files.write_xlsx(path, full)
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, NAMES)
            writer.writeheader()
            writer.writerows(full)
    return path


TOO_EARLY = {"verified_on": "2926-01-01", "verified_by": "A. Clerk"}


def service(**changed: Any) -> dict[str, Any]:
    office = {"id": ORGANIZATION, "name": "Office", "description": ""}
    return {"id": SERVICE, "name": "Help", "status": "active", "organization": office} | changed


def table(folder: Path, name: str, **row: str) -> None:
    """A table with one row, beside an organization and a service."""
    rows = {
        "organizations": {"id": ORGANIZATION, "name": "Office"},
        "services": {"id": SERVICE, "organization_id": ORGANIZATION, "name": "Help", "status": "active"},
    }
    rows[name] = rows.get(name, {"id": str(uuid.UUID(int=9))}) | row
    for one, cells in rows.items():
        (folder / f"{one}.csv").write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n")


@pytest.mark.parametrize(
    ("name", "row", "field", "expected"),
    [
        ("services", {"status": "opened"}, "status", "active, inactive, defunct, temporarily closed"),
        ("services", {"minimum_age": "-1"}, "minimum_age", "an age in years"),
        ("services", {"minimum_age": "60", "maximum_age": "17"}, "maximum_age", "at least 60"),
        ("services", {"minimum_age": "99999"}, "minimum_age", "a whole number"),
        ("services", {"open_to_migrants": "maybe"}, "open_to_migrants", "yes, no, unknown"),
        ("services", {"assured_date": "31/12/2026"}, "assured_date", "2026-11-23"),
        ("phones", {"service_id": SERVICE, "number": "call us"}, "number", "+1 767 555 0100"),
        ("phones", {"service_id": SERVICE, "number": "+17675550101", "channel": "fax"}, "channel", "voice, sms"),
        ("phones", {"service_id": SERVICE, "number": "+17675550101", "verified_on": "2026-01-01"}, "verified_by", ""),
        ("phones", {"service_id": SERVICE, "number": "+17675550101"} | TOO_EARLY, "verified_on", "not come yet"),
        ("schedules", {"service_id": SERVICE, "freq": "DAILY"}, "freq", "WEEKLY, MONTHLY"),
        ("schedules", {"service_id": SERVICE, "opens_at": "08:00"}, "opens_at", "both"),
        ("schedules", {"service_id": SERVICE, "opens_at": "8 am", "closes_at": "09:00"}, "opens_at", "a time (08:00)"),
        ("locations", {"location_type": "hidden"}, "location_type", "physical, postal, virtual"),
        ("locations", {"parish": "Saint Nowhere"}, "parish", "Saint George"),
        ("url", {"service_id": SERVICE, "organization_id": ORGANIZATION, "url": "x"}, "organization_id", "not both"),
        ("cost_options", {"service_id": SERVICE, "amount": "NaN"}, "amount", "an amount"),
        ("service_capacity", CAPACITY | {"available": "-1"}, "available", "how many"),
        ("service_capacity", CAPACITY | {"available": ""}, "available", "must not be empty"),
        ("service_capacity", CAPACITY | {"updated": "today"}, "updated", "a date and time"),
        ("organization_identifiers", {"organization_id": ORGANIZATION, "identifier_type": "x"}, "", "identifier"),
        ("organization_identifiers", NUMBER | {"organization_id": SERVICE}, "organization_id", "an id that"),
        ("funding", {"service_id": ORGANIZATION, "source": "x"}, "service_id", "an id that the file has"),
        ("service_need", {"service_id": SERVICE, "need": "gold", "id": ""}, "need", "food, shelter"),
    ],
)  # fmt: skip
def test_what_the_database_would_refuse_is_told_by_row_and_field(
    empty: Session, tmp_path: Path, name: str, row: dict[str, str], field: str, expected: str
) -> None:
    wipe(empty)
    table(tmp_path, name, **row)
    if name == "service_need":
        (tmp_path / "service_need.csv").write_text(f"service_id,need\n{SERVICE},gold\n")
    (fault,) = refused(empty, tmp_path).faults
    assert (fault.row, fault.field) == (2 if field else 1, field)
    assert expected in str(fault)


@pytest.mark.parametrize(
    ("changed", "field", "expected"),
    [
        ({"status": "opened"}, "status", "active"),
        ({"status": None}, "status", "a value"),
        ({"organization": None}, "organization_id", "a value"),
        ({"id": "7"}, "id", "an id"),
        ({"phones": [{"id": SERVICE, "number": "none"}]}, "phones[0].number", "+1 767"),
        ({"phones": {}}, "", ""),
        ({"phones": [7]}, "phones[0]", "an HSDS phone"),
        ({"phones": "x"}, "phones", "a list"),
        ({"minimum_age": "twelve"}, "minimum_age", "a whole number"),
        ({"minimum_age": True}, "minimum_age", "a whole number"),
        ({"name": ["Help"]}, "name", "a text"),
        ({"name": "He\x00lp"}, "name", "a text"),
        ({"schedules": [{"id": SERVICE, "opens_at": "01:00Z"}]}, "schedules[0].opens_at", "a time"),
        ({"service_at_locations": [{"id": SERVICE}]}, "service_at_locations[0].location_id", "a value"),
    ],
)  # fmt: skip
def test_json_faults_are_told_by_object_and_field(
    empty: Session, tmp_path: Path, changed: dict[str, Any], field: str, expected: str
) -> None:
    wipe(empty)
    path = tmp_path / "in.json"
    path.write_text(json.dumps([service(), service(id=str(uuid.UUID(int=3))) | changed]))
    if not field:
        assert take_in(empty, path, form="hsds", dry_run=False).faults == []  # nothing in it is nothing wrong
        return
    fault = refused(empty, path).faults[0]
    assert (fault.row, fault.field) == (2, field)
    assert expected in str(fault)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("needs", "gold", "is no need code"),
        ("needs", "food; gold (part)", "'gold' is no need code"),
        ("phones", "call the office", "expected: +17675550100"),
        ("phones", "+17675550101; +17675550101", "the same number is there twice"),
        ("phones", "+17675550101 telegraph", "is no telephone number"),
        ("hours", "when it is open", "expected: Mo-Fr 08:00-16:00"),
        ("hours", "Mo 25:00-26:00", "is no time of day"),
        ("hours", "Mo-Fr 08:00-16:00 mostly", "hours cannot be read"),
        ("hours", "from 8 to 4", "days cannot be read"),
        ("hours", "Mo-Fr 9 to 5", "the closing hour is before the opening hour"),
        ("hours", "Mo 09:00-05:00", "the closing hour is before the opening hour"),
        ("referring_office", str(uuid.UUID(int=77)), "referring_office: "),
        ("languages", "Klingon!", "is no language"),
        ("parish", "Saint Nowhere", "is not one of the ten"),
        ("village", "Atlantis", "is not in the list of places"),
        ("village", "Portsmouth", "parish Saint John"),
        ("latitude", "north", "is no number of degrees"),
        ("ages", "young", "expected: 12-17"),
        ("ages", "60-17", "at least 60"),
        ("status", "opened", "is not one of the known words"),
        ("takes_migrants", "maybe", "yes, no, unknown"),
        ("confidential", "a bit", "service; place"),
        ("serves", "Mars", "is no parish"),
        ("source_date", "last week", "2026-11-23"),
        ("referring_office", "the office", "is no id"),
        ("id", "7", "is no id"),
        ("service", "", "is empty"),
    ],
)
def test_a_clerks_slips_are_told_by_row_and_column(
    empty: Session, tmp_path: Path, name: str, cell: str, expected: str, ending: str
) -> None:
    wipe(empty)
    good: Cells = {"service": "Other", "parish": "Saint Mark"}
    path = sheet(tmp_path, good, {"parish": "Saint George"} | {name: cell}, ending=ending)
    report = refused(empty, path)
    fault = report.faults[0]
    assert fault.row == 3
    assert expected in str(fault), report.lines()


def test_what_clerks_write_is_understood(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    path = sheet(tmp_path, {
        "phones": "555-0100; (767) 555-0102; +1 767 555 0101 toll-free whatsapp (ask for Ann)",
        "languages": "English, Kwéyòl",
        "hours": "weekdays 8am - 4pm; Sat 9-12; last Fri 17:00\N{EN DASH}19:30 closed on holidays; "
        "Sun 24 hours",
    })  # fmt: skip
    assert take_in(empty, path, form="sheet", dry_run=False).lines()[:-1] == []
    sheet_files.export(empty, tmp_path / "out.csv")
    (line,) = csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines())
    assert line["phones"] == "'+17675550100; +17675550102; +17675550101 whatsapp toll-free (ask for Ann)"
    assert line["languages"] == "acf; en"
    assert line["hours"] == (
        "Mo-Fr 08:00-16:00; last Fr 17:00-19:30 closed on holidays; Sa 09:00-12:00; Su 00:00-24:00"
    )
    assert line["takes_migrants"] == "unknown"


def test_the_form_for_a_clerk(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    path = tmp_path / "form.xlsx"
    sheet_files.template(path)
    book: Any = load_workbook(path)
    assert book.sheetnames == ["instructions", "services", "lists"]
    told = " ".join(str(cell.value) for row in book["instructions"].iter_rows() for cell in row)
    assert all(column.name in told for column in COLUMNS)
    assert len(book["services"].data_validations.dataValidation) == 5
    for at, value in ((1, "Office"), (2, "Help"), (4, "food"), (17, None), (20, "12-17"), (30, 2026)):
        book["services"].cell(2, at, value)
    book.save(path)
    report = take_in(empty, path, form="sheet", dry_run=False)
    assert report.lines()[:-1] == []
    row = empty.scalars(select(m.Service)).one()
    assert (row.name, row.minimum_age, row.source_year) == ("Help", 12, 2026)


def test_a_cell_that_is_emptied_or_changed_takes_the_old_away(empty: Session, add: Add, tmp_path: Path) -> None:
    key = add(
        "Clinic", "health", "food", parish="Saint John", address="Bay Street", phone="+17675550101", verified=True
    )
    hidden = add("Post", "health", phone="+17675550177", hidden_phone=True)
    sheet_files.export(empty, tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()))
    for row in rows:
        if row["id"] == str(key):
            row |= {"phones": "+17675550102", "needs": "health", "address": "High Street"}
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert take_in(empty, path, form="sheet", dry_run=True).removed == 2
    report = take_in(empty, path, form="sheet", dry_run=False, by="A. Clerk")
    assert (report.faults, report.removed) == ([], 2)
    phone = empty.scalars(select(m.Phone).where(m.Phone.service_id == key)).one()
    assert (phone.number, phone.verified_on) == ("+17675550102", None)
    assert empty.scalars(select(m.LocationAddress.address_1)).all() == ["High Street"]
    assert empty.scalars(select(m.Phone.number).where(m.Phone.service_id == hidden)).all() == ["+17675550177"]
    gone = empty.scalars(select(m.FieldChange).where(m.FieldChange.last_action_type == "delete")).all()
    assert {one.updated_by for one in gone} == {"A. Clerk"}
    assert any("+17675550101" in (one.previous_value or "") for one in gone)


def test_two_rows_of_one_service_are_two_places_and_must_agree(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    here, there = {"parish": "Saint George", "village": "Roseau"}, {"parish": "Saint John", "village": "Portsmouth"}
    path = sheet(tmp_path, here, there | {"cost": "free"})
    assert "says something else than row 2" in str(refused(empty, path).faults[0])
    assert take_in(empty, sheet(tmp_path, here, there), form="sheet", dry_run=False).faults == []
    assert {*empty.scalars(select(m.Location.place))} == {"Portsmouth", "Roseau"}
    assert count(empty) == 1


def rubbish_zip() -> bytes:
    """What unpacks to two gigabytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file, file.open("xl/sheet.xml", "w") as part:
        for _ in range(2000):
            part.write(b"\0" * 1024**2)
    return packed.getvalue()


def entity_bomb() -> bytes:
    """A workbook whose XML would grow a billionfold."""
    levels = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "haha">{levels}]><workbook>&a9;</workbook>'
    packed, kind = io.BytesIO(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    space = "http://schemas.openxmlformats.org/package/2006/content-types"
    types = f'<Types xmlns="{space}"><Override PartName="/xl/w.xml" ContentType="{kind}"/></Types>'
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("[Content_Types].xml", types)
        file.writestr("xl/w.xml", text)
    return packed.getvalue()


RUBBISH: dict[str, tuple[str, Callable[[], bytes]]] = {
    "letters.csv": ("not a CSV", lambda: b"a" * 52_000_000),
    "bytes.csv": ("UTF-8", lambda: bytes(range(256)) * 200_000),
    "latin.csv": ("CSV UTF-8", lambda: "organisation,service,needs\nKw\xe9y\xf2l,x,food\n".encode("latin-1")),
    "zeros.xlsx": ("not an XLSX", lambda: b"\0" * 50_000_000),
    "bomb.xlsx": ("far more", rubbish_zip),
    "entities.xlsx": ("not an XLSX", entity_bomb),
    "empty.xlsx": ("not an XLSX", lambda: b""),
    "empty.csv": ("columns: missing", lambda: b""),
    "deep.json": ("not JSON", lambda: b"[" * 5_000_000),
    "letters.json": ("not JSON", lambda: b"a" * 52_000_000),
    "numbers.json": ("is no object", lambda: b"[" + b"1," * 100_000 + b"1]"),
    "broken.ndjson": ("line 2 is not JSON", lambda: b"{}\n{\n"),
    "quote.csv": ("not a CSV", lambda: b'organisation,service,needs\n"' + b"x\n" * 1_000_000),
    "wide.csv": ("more than", lambda: b"," * 1_000_000),
    "huge.csv": ("larger than", lambda: b"x" * (50 * 1024**2 + 1)),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish(empty: Session, tmp_path: Path, name: str) -> None:
    told, make = RUBBISH[name]
    path = tmp_path / name
    path.write_bytes(make())
    tracemalloc.start()
    try:
        report = refused(empty, path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told in "\n".join(report.lines())
    assert len(report.faults) <= 200
    assert len("\n".join(report.lines())) < 100_000
    assert most < 400 * 1024**2


def test_formulas_are_refused_and_never_written(empty: Session, add: Add, tmp_path: Path) -> None:
    add('=HYPERLINK("http://evil.example")', "food", alert="@SUM(1)", fees_description="+1")
    for form, name in (("sheet", "out.csv"), ("sheet", "out.xlsx"), ("csv", "out")):
        forms.export(empty, tmp_path / name, form)
    for one in csv.reader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()):
        assert not [cell for cell in one if cell.startswith(("=", "+", "-", "@"))]
    book: Any = load_workbook(tmp_path / "out.xlsx")
    assert not [cell for page in book for row in page.iter_rows() for cell in row if cell.data_type == "f"]
    assert "=HYPERLINK" in str(book["services"]["B2"].value)  # the text itself, as text
    book["services"]["G2"] = "=1+1"
    book.save(tmp_path / "in.xlsx")
    assert "cell G2 is a formula" in str(refused(empty, tmp_path / "in.xlsx").faults[0])
    path = sheet(tmp_path, {"alert": "=1+1"})
    assert "line 2, alert: is a formula" in str(refused(empty, path).faults[0])


def test_double_ids_loops_and_missing_ones_in_json(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    path, other = tmp_path / "in.json", str(uuid.UUID(int=3))
    path.write_text(json.dumps([service(), service(name="Something else")]))
    assert refused(empty, path).faults == [
        Fault("in.json", "the same id is there with another value", 2, "service name")
    ]
    one, two = service(referred_by_id=other), service(id=other, referred_by_id=SERVICE)
    path.write_text(json.dumps([one, two]))
    assert "leads back to itself" in refused(empty, path).lines()[0]
    path.write_text(json.dumps([one]))
    assert f"{other} is not in service" in refused(empty, path).lines()[0]


def test_the_same_place_twice_under_two_ids(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    place = {"id": ORGANIZATION, "location_type": "physical"}
    at = [{"id": str(uuid.UUID(int=number)), "location": place} for number in (5, 6)]
    path = tmp_path / "in.json"
    path.write_text(json.dumps(service(service_at_locations=at)))
    assert "the same is there under another id" in refused(empty, path).lines()[0]
    path.write_text(json.dumps(service(service_at_locations=at[:1])))
    assert take_in(empty, path, form="hsds", dry_run=False).faults == []
    path.write_text(json.dumps(service(service_at_locations=at[1:])))
    assert "the same is there under another id" in refused(empty, path).lines()[0]


def test_a_refuge_is_in_no_form_unless_asked_for(empty: Session, add: Add, tmp_path: Path) -> None:
    words = ("Zephyrine", "7 Quiet Path", "+17675550177", "+17675550178")
    open_ = add("Open clinic", "health", phone="+17675550178", hidden_phone=True)
    refuge = add("Zephyrine", "shelter", parish="Saint John", address="7 Quiet Path", phone="+17675550177",
                 confidential=True, referred_by_id=open_)  # fmt: skip
    paths = {"csv": "tables", "hsds": "out.json", "sheet": "out.csv"}
    for form, name in paths.items():
        forms.export(empty, tmp_path / name, form)
        forms.export(empty, tmp_path / f"all_{name}", form, confidential=True)
        public, every = (_text(tmp_path / one) for one in (name, f"all_{name}"))
        assert "Open clinic" in public
        assert not [word for word in (*words, str(refuge)) if word in public]
        assert all(word in every for word in words)
        changed = every.replace("Zephyrine", "Renamed")
        if form != "csv":
            (tmp_path / f"changed_{name}").write_text(changed)
            report = take_in(empty, tmp_path / f"changed_{name}", form=form, dry_run=False)
            assert "Renamed" not in "\n".join(report.lines())
            assert empty.get_one(m.Service, refuge).name == "Zephyrine"


def _text(path: Path) -> str:
    files = path.iterdir() if path.is_dir() else [path]
    return "".join(one.read_text("utf-8-sig") for one in files)


def test_a_dry_run_says_the_same_and_does_nothing(empty: Session, add: Add, tmp_path: Path) -> None:
    add("Clinic", "health", phone="+17675550101", verified=True)
    for form, name in (("csv", "tables"), ("hsds", "out.json"), ("sheet", "out.xlsx")):
        forms.export(empty, tmp_path / name, form)
    wipe(empty)
    for form, name in (("csv", "tables"), ("hsds", "out.json"), ("sheet", "out.xlsx")):
        dry = take_in(empty, tmp_path / name, form=form, dry_run=True)
        assert count(empty) == 0
        assert dry.added > 2
        assert take_in(empty, tmp_path / name, form=form, dry_run=False).lines() == dry.lines()
        assert empty.scalars(select(m.Phone.verified_on)).one() is None
        wipe(empty)


def test_our_own_api_is_a_source(empty: Session, add: Add, tmp_path: Path) -> None:
    """What /hsds/services?full=true&unverified=true answers comes in as it is."""
    key = add("Clinic", "health", also=("food",), parish="Saint John", phone="+17675550101", verified=True)
    (one,) = Objects(empty, unverified=True).services([key], full=True)
    path = tmp_path / "api.json"
    path.write_text(json.dumps({"contents": [one]}))
    wipe(empty)
    report = take_in(empty, path, form="hsds", dry_run=False)
    assert report.lines()[:-1] == []
    phone = empty.scalars(select(m.Phone)).one()
    assert (phone.number, phone.verified_on) == ("+17675550101", None)
    needs = empty.execute(select(m.ServiceNeed.need, m.ServiceNeed.rank).order_by(m.ServiceNeed.need)).all()
    assert [tuple(row) for row in needs] == [("food", 1), ("health", 0)]


def test_tables_are_named_as_in_the_standard(empty: Session, tmp_path: Path) -> None:
    tabular.export(empty, tmp_path / "out")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert {one["path"] for one in package["resources"]} == {path.name for path in (tmp_path / "out").glob("*.csv")}
    assert {"organizations.csv", "services.csv", "phones.csv"} <= {one["path"] for one in package["resources"]}


def test_a_place_that_numbers_hang_on_is_not_taken_away(empty: Session, add: Add, tmp_path: Path) -> None:
    key = add("Clinic", "health", parish="Saint John")
    at = empty.scalars(select(m.ServiceAtLocation.id)).one()
    empty.add(m.Phone(service_at_location_id=at, number="+17675550101"))
    empty.flush()
    path = sheet(tmp_path, {"id": str(key), "service": "Clinic", "needs": "health"})
    for dry_run in (True, False):
        (fault,) = take_in(empty, path, form="sheet", dry_run=dry_run).faults
        assert (fault.row, fault.field) == (2, "parish")
    assert empty.scalars(select(m.ServiceAtLocation.id)).one() == at
