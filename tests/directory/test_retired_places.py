"""A place a service has left is told nowhere, and comes back; so does a row that an import took away."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from base.errors import InvalidInput, Refused
from directory import edit, history, search
from directory.exchange import hsds_out, sheet_files, tabular
from directory.exchange.intake import take_in
from directory.exchange.report import Report
from directory.exchange.sheet_columns import OF_PLACE
from directory.hsds.objects import Objects
from directory.search import Query
from tests.directory.conftest import Add

NOON = datetime(2026, 11, 20, 16, tzinfo=UTC)
WHO: dict[str, Any] = {"by": "A. Clerk", "now": NOON}
STREET, COUNTER = "77 Vanished Lane", "+17675550177"


@pytest.fixture
def site(empty: Session, add: Add) -> m.ServiceAtLocation:
    """A clinic at a place with an address and a number of its own."""
    add("Clinic", "health", parish="Saint George", place="Roseau", address=STREET, phone="+17675550101", verified=True)
    site = empty.scalars(select(m.ServiceAtLocation)).one()
    seen = {"verified_by": "A. Clerk", "verified_on": NOON.date()}
    empty.add(m.Phone(location_id=site.location_id, number=COUNTER, **seen))
    empty.flush()
    return site


def everything_told(session: Session, folder: Path) -> str:
    """Replies, API and exports, as one text."""
    folder.mkdir()
    found = search.find(session, Query(("health",), parish="Saint George"))
    services, sites = session.scalars(select(m.Service.id)).all(), session.scalars(select(m.ServiceAtLocation.id)).all()
    places = session.scalars(select(m.Location.id)).all()
    api = Objects(session, unverified=True)
    told = [repr(found), json.dumps(api.services(services, full=True)), json.dumps(api.locations(places, full=True))]
    told.append(json.dumps(api.service_at_locations(sites, full=True)))
    tabular.export(session, folder / "tables")
    hsds_out.export(session, folder / "out.json")
    sheet_files.export(session, folder / "out.csv")
    files = [*(folder / "tables").iterdir(), folder / "out.json", folder / "out.csv"]
    assert found
    return "\n".join([*told, *(path.read_text() for path in files)])


def test_a_retired_place_is_told_nowhere_and_its_service_everywhere(
    empty: Session, site: m.ServiceAtLocation, tmp_path: Path
) -> None:
    before = everything_told(empty, tmp_path / "before")
    assert before.count(STREET) >= 6
    assert before.count(COUNTER) >= 6
    edit.retire(empty, site, reason="moved out", **WHO)
    after = everything_told(empty, tmp_path / "after")
    assert "Clinic" in after
    assert STREET not in after
    assert COUNTER not in after
    assert str(site.location_id) not in after
    edit.unretire(empty, site, **WHO)
    again = everything_told(empty, tmp_path / "again")
    assert again.count(STREET) == before.count(STREET)


def test_a_retirement_is_taken_back_from_the_history(empty: Session, site: m.ServiceAtLocation) -> None:
    (change,) = edit.retire(empty, site, **WHO)
    assert (change.field_name, change.last_action_type) == ("retired_on", "retire")
    history.restore(empty, change.id, **WHO)
    assert site.retired_on is None
    with pytest.raises(Refused):
        edit.unretire(empty, site, **WHO)


def test_a_location_itself_is_not_retired(empty: Session, site: m.ServiceAtLocation) -> None:
    with pytest.raises(InvalidInput, match="its place"):
        edit.retire(empty, empty.get_one(m.Location, site.location_id), **WHO)


def test_a_place_that_a_sheet_takes_away_is_told_nowhere_and_comes_back(
    empty: Session, site: m.ServiceAtLocation, tmp_path: Path
) -> None:
    sheet_files.export(empty, tmp_path / "out.csv")
    head, row = sheet_files._csv_rows(tmp_path / "out.csv", Report())
    line = dict(zip(head[1], row[1], strict=True))
    sheet_files.write_csv(tmp_path / "edited.csv", [line | dict.fromkeys(OF_PLACE, "")])
    report = take_in(empty, tmp_path / "edited.csv", form="sheet", dry_run=False)
    assert (report.faults, report.removed) == ([], 1)
    told = everything_told(empty, tmp_path / "gone")
    assert STREET not in told
    assert COUNTER not in told
    service = empty.get_one(m.Service, site.service_id)
    change = next(one for one in history.history(empty, service) if one.resource_type == "service_at_location")
    history.restore(empty, change.id, **WHO)
    assert STREET in everything_told(empty, tmp_path / "back")


def test_the_sheet_from_before_brings_a_retired_place_back(
    empty: Session, site: m.ServiceAtLocation, tmp_path: Path
) -> None:
    sheet_files.export(empty, tmp_path / "out.csv")
    edit.retire(empty, site, **WHO)
    assert take_in(empty, tmp_path / "out.csv", form="sheet", dry_run=False).faults == []
    empty.refresh(site)
    assert site.retired_on is None
    assert len(empty.scalars(select(m.Location.id)).all()) == 1


def test_a_row_that_an_import_deleted_is_in_the_history_and_comes_back_unverified(
    empty: Session, site: m.ServiceAtLocation, tmp_path: Path
) -> None:
    phone = empty.scalars(select(m.Phone).where(m.Phone.service_id == site.service_id)).one()
    key, number = phone.id, phone.number
    sheet_files.export(empty, tmp_path / "out.csv")
    head, row = sheet_files._csv_rows(tmp_path / "out.csv", Report())
    line = dict(zip(head[1], row[1], strict=True))
    sheet_files.write_csv(tmp_path / "edited.csv", [line | {"phones": "", "more": ""}])
    take_in(empty, tmp_path / "edited.csv", form="sheet", dry_run=False)
    assert empty.scalars(select(m.Phone.id).where(m.Phone.id == key)).all() == []
    service = empty.get_one(m.Service, site.service_id)
    deleted = next(one for one in history.history(empty, service) if one.last_action_type == "delete")
    history.restore(empty, deleted.id, reason="a mistake", **WHO)
    back = empty.get_one(m.Phone, key)
    assert (back.number, back.service_id, back.verified_on, back.verified_by) == (number, service.id, None, None)
    with pytest.raises(Refused, match="there already"):
        history.restore(empty, deleted.id, **WHO)


def test_a_deleted_confidential_number_stays_with_those_who_look_after_it(
    empty: Session, site: m.ServiceAtLocation
) -> None:
    held = {"number": "+17675550199", "service_id": str(site.service_id), "confidential": "true"}
    change = m.FieldChange(
        resource_id=site.id, resource_type="phone", last_action_type="delete", field_name="*",
        previous_value=json.dumps(held), replacement_value=None, updated_by="import",
    )  # fmt: skip
    empty.add(change)
    empty.flush()
    service = empty.get_one(m.Service, site.service_id)
    assert change not in history.history(empty, service)
    assert change in history.history(empty, service, confidential=True)
    with pytest.raises(Refused, match="confidential"):
        history.restore(empty, change.id, **WHO)
