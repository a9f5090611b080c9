"""Need codes as terms of Open Eligibility, and a directory that has only those."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from directory import open_eligibility
from directory.exchange import hsds_out
from directory.exchange.foreign import NOTE
from directory.exchange.intake import take_in
from directory.hsds import terms
from directory.hsds.objects import Objects
from directory.needs import NEEDS
from directory.search import Query, find
from tests.directory.conftest import Add
from tests.directory.exchange_world import wipe


def test_every_need_stands_for_a_term_and_no_code_for_two_needs() -> None:
    assert set(open_eligibility.needs_by_code().values()) == set(NEEDS)
    assert all(re.fullmatch(r"1\d\d(-\d\d)*", code) for code in open_eligibility.needs_by_code())
    codes = [code for term in open_eligibility._terms().values() for code in term]
    assert len(codes) == len(set(codes))
    assert [open_eligibility.need_of(open_eligibility.term_of(need)[0]) for need in NEEDS] == list(NEEDS)


@pytest.mark.parametrize(
    ("code", "need"),
    [
        ("102-04", "food"), ("106-06-09", "health"), ("106-01-02", "mental_health"), ("101-02-06", "money"),
        ("101-06-01", "safety"), ("111-01-02", "documents"), ("111-04", "legal"), ("105-01", None), ("", None),
        ("102x", None),
    ],
)  # fmt: skip
def test_the_longest_code_decides(code: str, need: str | None) -> None:
    assert open_eligibility.need_of(code) == need


def foreign(taxonomy: str, *codes: str) -> dict[str, Any]:
    """A service of another directory, with terms."""
    kind = {"id": str(uuid.UUID(int=7)), "name": taxonomy, "description": ""}
    attributes = [
        {"id": str(uuid.UUID(int=50 + at)), "taxonomy_term": {"id": str(uuid.UUID(int=90 + at)), "code": code,
         "name": code, "description": "", "taxonomy_detail": kind}}
        for at, code in enumerate(codes)
    ]  # fmt: skip
    office = {"id": str(uuid.UUID(int=1)), "name": "Pantry", "description": ""}
    return {"id": str(uuid.UUID(int=2)), "name": "Pantry", "status": "active", "organization": office,
            "attributes": attributes}  # fmt: skip


def needs(session: Session) -> set[str]:
    return set(session.scalars(select(m.ServiceNeed.need)))


def test_another_directory_is_found_by_its_terms(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    path = tmp_path / "in.json"
    path.write_text(json.dumps([foreign("OpenEligibility", "102-04", "102-05", "110-01-01", "105-01")]))
    report = take_in(empty, path, form="hsds", dry_run=False)
    assert (report.faults, report.notes[NOTE]) == ([], 2)
    assert needs(empty) == {"food", "work"}
    assert [found.name for found in find(empty, Query(("food",)))] == ["Pantry"]
    empty.delete(empty.get_one(m.ServiceNeed, (uuid.UUID(int=2), "work")))
    again = take_in(empty, path, form="hsds", dry_run=False)
    assert (again.added, again.changed, needs(empty)) == (0, 0, {"food"})  # a person's decision stays


def test_terms_of_another_list_are_no_needs(empty: Session, tmp_path: Path) -> None:
    wipe(empty)
    (tmp_path / "in.json").write_text(json.dumps([foreign("AIRS", "102-04")]))
    take_in(empty, tmp_path / "in.json", form="hsds", dry_run=False)
    assert needs(empty) == set()


def test_what_the_api_says_comes_back_as_it_was(empty: Session, add: Add, tmp_path: Path) -> None:
    """The API tells a need twice, by our term and by that of Open Eligibility; it comes in once."""
    key = add("Clinic", "health", also=("food",))
    (whole,) = Objects(empty).services([key], full=True)
    told = {(one["taxonomy_term"]["code"], one["link_type"]) for one in whole["attributes"]}
    assert told == {("health", "main"), ("food", "also"), ("106", "main"), ("102", "also")}
    hsds_out.export(empty, tmp_path / "first.json")
    wipe(empty)
    (tmp_path / "api.json").write_text(json.dumps([whole]))
    assert take_in(empty, tmp_path / "api.json", form="hsds", dry_run=False).faults == []
    assert empty.scalars(select(m.Attribute)).all() == []
    assert needs(empty) == {"health", "food"}
    assert {term.name for term in terms.eligibility_terms().values()} >= {"Food", "Health"}
