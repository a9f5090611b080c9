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
from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from directory.exchange import hsds_out, sheet_files, tabular
from directory.exchange.intake import take_in
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


def comes_back(session: Session, folder: Path, form: str, *, confidential: bool = True) -> None:
    """The round trip, and a second import that changes nothing."""
    kind, name, export = FORMS[form]
    first, second = folder / "first" / name, folder / "second" / name
    export(session, first, confidential=confidential)
    wipe(session)
    report = take_in(session, first, form=kind, dry_run=False, trust=True, confidential=confidential)
    assert report.lines()[:-1] == []
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
    assert "funding.csv: this directory has no such table; left out" in report.notes
    phone = empty.scalars(select(m.Phone)).one()
    given = json.loads((EXAMPLES / "service_full.json").read_bytes())["phones"][0]["number"]
    assert (phone.number, phone.extension) == (given.strip('"').replace(" ", ""), 100)
    tabular.export(empty, tmp_path / "out")
    wipe(empty)
    assert take_in(empty, tmp_path / "out", dry_run=False).faults == []


def test_json_of_made_up_directories_is_valid(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    fill(empty, random.Random(7), 20)
    hsds_out.export(empty, tmp_path / "out.json")
    for one in json.loads((tmp_path / "out.json").read_bytes()):
        validate("service", one)
