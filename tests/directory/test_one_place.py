"""Several services at one place, a refuge among them perhaps: what is of one is told of no other."""

import uuid
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import directory.models as m
from directory import edit, for_staff, history, inspection, search
from directory.found import Found, Query
from directory.hsds import lists
from tests.directory.conftest import Add

SUNDAY = datetime(2026, 11, 29, 14, tzinfo=UTC)
OWN, THEIRS, HIDDEN = "+17675550110", "+17675550111", "+17675550112"
SEEN = {"verified_by": "A. Clerk", "verified_on": date(2026, 11, 1)}
DAY = {"opens_at": time(8), "closes_at": time(16), "on_holidays": "open"}


@pytest.fixture
def house(empty: Session, add: Add) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """A clinic, and a refuge in the same house: (clinic, refuge, house)."""
    clinic = add("Clinic", "health", parish="Saint John", place="Portsmouth", phone=OWN, verified=True)
    refuge = add("Zandoli", "shelter", confidential=True, referred_by_id=clinic)
    place = empty.scalars(select(m.Location.id)).one()
    site = m.ServiceAtLocation(id=uuid.uuid4(), service_id=refuge, location_id=place)
    trust = m.Organization(id=uuid.uuid4(), name="Zandoli Trust")
    empty.add_all([site, trust])
    empty.flush()
    empty.get_one(m.Service, refuge).organization_id = trust.id
    empty.flush()
    return clinic, refuge, place


def told(session: Session) -> Found:
    return search.find(session, Query(needs=("health",), at=SUNDAY))[0]


def test_hours_and_languages_of_another_service_at_the_place_are_not_told(
    empty: Session, house: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    clinic, refuge, place = house
    empty.add(m.Schedule(service_id=clinic, byday="MO", **DAY))
    empty.add(m.Schedule(service_id=refuge, location_id=place, byday="SU", **DAY))
    empty.add(m.SpokenLanguage(service_id=refuge, location_id=place, code="es"))
    empty.flush()
    found = told(empty)
    assert [one.days for one in found.hours] == [(0,)]
    assert (found.open_now, found.speaks) == (False, ())
    assert "closed" in found.reasons
    empty.add(m.Schedule(location_id=place, byday="SU", **DAY))  # of the house: of all in it
    empty.flush()
    assert (told(empty).open_now, "open" in told(empty).reasons) == (True, True)


@pytest.mark.parametrize("owner", ["service", "site", "organization"])
def test_a_number_that_is_the_refuge_s_too_is_never_told(
    empty: Session, house: tuple[uuid.UUID, uuid.UUID, uuid.UUID], owner: str
) -> None:
    _, refuge, place = house
    site = select(m.ServiceAtLocation.id).where(m.ServiceAtLocation.service_id == refuge)
    keys = {
        "service": {"service_id": refuge},
        "site": {"service_at_location_id": empty.scalars(site).one()},
        "organization": {"organization_id": empty.get_one(m.Service, refuge).organization_id},
    }
    empty.add(m.Phone(location_id=place, number=HIDDEN, **keys[owner], **SEEN))
    empty.add(m.Phone(location_id=place, number=THEIRS, **SEEN))
    empty.flush()
    assert {phone.number for phone in told(empty).phones} == {OWN, THEIRS}


def test_a_number_of_one_service_does_not_make_another_reachable(empty: Session, add: Add) -> None:
    add("Silent", "health", parish="Saint John", place="Portsmouth")
    place = empty.scalars(select(m.Location.id)).one()
    other = add("Other", "food")
    empty.add(m.Phone(service_id=other, location_id=place, number=THEIRS, **SEEN))
    empty.flush()
    found = told(empty)
    assert found.phones == ()
    assert "unverified" in found.reasons


def test_the_check_names_nothing_of_a_refuge(empty: Session, house: tuple[uuid.UUID, uuid.UUID, uuid.UUID]) -> None:
    """Only the service is marked, as an editor may leave it."""
    _, refuge, _ = house
    trust = empty.get_one(m.Service, refuge).organization_id
    hidden = m.Location(id=uuid.uuid4(), organization_id=trust, name="Zandoli Cottage", latitude=1, longitude=1)
    empty.add(hidden)
    empty.flush()
    empty.add(m.ServiceAtLocation(service_id=refuge, location_id=hidden.id))
    empty.add(m.Phone(location_id=hidden.id, number=HIDDEN))
    empty.get_one(m.Organization, trust).name_valid_to = date(2020, 1, 1)
    empty.flush()
    words = "\n".join(str(one) for one in inspection.inspect(empty, date(2026, 11, 24)))
    assert str(hidden.id) in words
    assert str(trust) in words
    assert "Zandoli" not in words
    assert HIDDEN not in words


def test_a_number_out_of_use_is_not_offered_to_staff(empty: Session, add: Add) -> None:
    clinic = add("Clinic", "health", phone=OWN, verified=True)
    assert [one.phones for one in for_staff.told(empty, [clinic])] == [((OWN, True),)]
    phone = empty.scalars(select(m.Phone)).one()
    edit.retire(empty, phone, by="A. Clerk", now=SUNDAY)
    assert [one.phones for one in for_staff.told(empty, [clinic])] == [()]
    assert [one.phones for one in for_staff.told(empty, [clinic], confidential=True)] == [()]


def test_what_was_deleted_and_hung_on_the_refuge_too_is_not_in_the_clinic_s_history(
    empty: Session, house: tuple[uuid.UUID, uuid.UUID, uuid.UUID]
) -> None:
    clinic, refuge, place = house
    for number, owner in ((HIDDEN, refuge), (THEIRS, clinic)):
        held = f'{{"id": "{uuid.uuid4()}", "service_id": "{owner}", "location_id": "{place}", "number": "{number}"}}'
        empty.add(
            m.FieldChange(
                resource_id=uuid.uuid4(), resource_type="phone", last_action_type="delete", field_name="*",
                previous_value=held, updated_by="import",
            )
        )  # fmt: skip
    empty.flush()
    service = empty.get_one(m.Service, clinic)
    seen = "\n".join(one.previous_value or "" for one in history.history(empty, service))
    assert THEIRS in seen
    assert HIDDEN not in seen
    assert HIDDEN in "\n".join(one.previous_value or "" for one in history.history(empty, service, confidential=True))


def test_the_api_finds_a_service_in_no_parish_that_it_has_left(empty: Session, add: Add) -> None:
    """Another service is still there, so the place itself may be told."""
    clinic = add("Clinic", "health", parish="Saint John", place="Portsmouth")
    place, other = empty.scalars(select(m.Location.id)).one(), add("Other", "food")
    empty.add(m.ServiceAtLocation(service_id=other, location_id=place))
    empty.flush()

    def there() -> set[uuid.UUID]:
        return set(empty.scalars(lists.service_ids({"parish": "Saint John"})))

    assert there() == {clinic, other}
    site = empty.scalars(select(m.ServiceAtLocation).where(m.ServiceAtLocation.service_id == clinic)).one()
    edit.retire(empty, site, by="A. Clerk", now=SUNDAY)
    assert there() == {other}
