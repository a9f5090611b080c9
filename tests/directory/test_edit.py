"""Fields are edited with history, put back, and refused where somebody else was faster."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import transaction
from base.errors import InvalidInput, Refused
from directory import edit, fields, history, search, truth
from directory.search import Query
from directory.seed_rows import service_id
from tests.directory.conftest import Add

NOON = datetime(2026, 11, 20, 16, tzinfo=UTC)
WHO: dict[str, Any] = {"by": "A. Clerk", "now": NOON}
Made = Callable[..., Any]


def service_of(session: Session, add: Add, **values: Any) -> m.Service:
    return session.get_one(m.Service, add("Clinic", "health", **values))


def phone_of(session: Session, service: m.Service) -> m.Phone:
    return session.scalars(select(m.Phone).where(m.Phone.service_id == service.id)).one()


# One new value for each editable field of each table: what a form sends, and what is then there.
SAMPLES: dict[str, Any] = {
    "status": ("temporarily closed", "temporarily closed"), "open_to_migrants": ("yes", "yes"),
    "national": ("yes", True), "confidential": ("yes", True), "place_confirmed": ("no", False),
    "toll_free": ("yes", True), "migrants_only": ("yes", True), "number": ("767 555 0107", "+17675550107"),
    "channel": ("whatsapp", "whatsapp"), "type": ("cell", "cell"), "priority": ("3", 3), "extension": ("12", 12),
    "minimum_age": ("12", 12), "maximum_age": ("99", 99), "audience": ("women children", "women children"),
    "source_year": ("2026", 2026), "source_date": ("2026-11-01", date(2026, 11, 1)),
    "assured_date": ("2026-11-02", date(2026, 11, 2)), "latitude": ("15.3", 15.3), "longitude": ("-61.39", -61.39),
    "parish": ("Saint Luke", "Saint Luke"), "place": ("Soufriere", "Soufriere"),
    "location_type": ("postal", "postal"), "address_type": ("postal", "postal"), "amount": ("20.50", Decimal("20.50")),
    "valid_from": ("2026-01-01", date(2026, 1, 1)), "valid_to": ("2027-01-01", date(2027, 1, 1)),
    "name_valid_from": ("2019-12-01", date(2019, 12, 1)), "name_valid_to": ("2022-12-01", date(2022, 12, 1)),
    "dtstart": ("2026-02-01", date(2026, 2, 1)), "until": ("2027-02-01", date(2027, 2, 1)),
    "timezone": ("-3", -3), "count": ("5", 5), "interval": ("2", 2), "freq": ("MONTHLY", "MONTHLY"),
    "on_holidays": ("closed", "closed"), "opens_at": ("09:15", time(9, 15)), "closes_at": ("15:45", time(15, 45)),
    "year_incorporated": ("1981", 1981), "code": ("ht", "ht"), "state": ("outdated", "outdated"),
    "language": ("ht", "ht"), "field": ("alert", "alert"),
    "available": ("2.5", Decimal("2.5")), "maximum": ("7", Decimal(7)),
    "needs": ("food also:health", "food also:health"),
}  # fmt: skip
BEDS = uuid.UUID(int=6)
LINKED = {"referred_by_id", "program_id", "parent_organization_id"}


@pytest.fixture
def rows(empty: Session, add: Add) -> dict[str, Any]:
    """One row of every table that is edited."""
    service = service_of(
        empty, add, parish="Saint George", place="Roseau", address="1 Long Street", phone="+17675550101",
        verified=True, speaks=("en",), serves=("Saint John",), documents=("passport",),
        opening={"byday": "MO", "opens_at": time(8), "closes_at": time(16), "on_holidays": "open"},
    )  # fmt: skip
    office = service.organization_id
    site = empty.scalars(select(m.ServiceAtLocation)).one()
    empty.add(m.Unit(id=BEDS, name="bed"))
    empty.flush()
    empty.add_all([
        m.OrganizationName(organization_id=office, name="Before"), m.Program(organization_id=office, name="Yes"),
        m.ServiceText(service_id=service.id, field="name", language="fr", text="Clinique"),
        m.Accessibility(location_id=site.location_id, description="ramp"), m.Url(service_id=service.id, url="x"),
        m.DirectoryContact(service_id=service.id, name="Nurse"), m.CostOption(service_id=service.id, amount=1),
        m.OrganizationIdentifier(organization_id=office, identifier_type="Company number", identifier="17"),
        m.Funding(service_id=service.id, source="A grant"),
        m.ServiceCapacity(service_id=service.id, unit_id=BEDS, available=3, updated=datetime(2026, 1, 1, tzinfo=UTC)),
    ])  # fmt: skip
    empty.flush()
    return {table: empty.scalars(select(model).limit(1)).one() for table, model in fields.MODELS.items()}


def test_every_field_of_every_table_is_edited_kept_and_put_back(empty: Session, rows: dict[str, Any]) -> None:
    tried = 0
    for table, row in rows.items():
        for field in [one for one in fields.editable(type(row)) if one not in LINKED]:
            given, stored = SAMPLES.get(field, (f"new {field}", f"new {field}"))
            before = edit.value_of(empty, row, field)
            changes = edit.edit(empty, row, field, given, expected=before, reason="a letter", **WHO)
            assert edit.value_of(empty, row, field) == stored, (table, field)
            first = changes[0]
            assert (first.resource_type, first.field_name, first.reason) == (table, field, "a letter")
            history.restore(empty, first.id, confidential=True, **WHO)
            empty.expire(row)
            assert edit.value_of(empty, row, field) == before, (table, field)
            tried += 1
    assert tried > 120


def test_a_count_says_when_it_was_made(empty: Session, rows: dict[str, Any]) -> None:
    beds = rows["service_capacity"]
    edit.edit(empty, beds, "available", "2", **WHO)
    assert (beds.available, beds.updated) == (2, WHO["now"])
    more = {"service_id": str(beds.service_id), "unit_id": str(beds.unit_id), "available": "4", "maximum": "9"}
    assert edit.create(empty, m.ServiceCapacity, more, **WHO).updated == WHO["now"]
    for wrong in ("-1", "NaN", "none"):
        with pytest.raises(InvalidInput):
            edit.edit(empty, beds, "available", wrong, **WHO)
    changes = history.history(empty, empty.get_one(m.Service, beds.service_id))
    assert "available" in {change.field_name for change in changes}


def test_history_is_in_the_order_in_which_it_happened(empty: Session, rows: dict[str, Any]) -> None:
    service = rows["service"]
    for name in ("One", "Two", "Three"):  # at the same moment
        edit.edit(empty, service, "name", name, **WHO)
    told = [change.replacement_value for change in history.history(empty, service)]
    assert told == ["Three", "Two", "outdated", "One"]  # the French name was outdated by the first change


def test_what_is_hidden_takes_no_place_in_a_history(empty: Session, rows: dict[str, Any]) -> None:
    service = rows["service"]
    edit.edit(empty, service, "name", "One", **WHO)
    gone = str(uuid.uuid4())  # of what it hung on besides nobody can say any more whether it is hidden
    held = {"service_id": str(service.id), "service_at_location_id": gone, "number": "+17675550101"}
    for _ in range(3):
        empty.add(
            m.FieldChange(
                resource_id=uuid.uuid4(), resource_type="phone", last_action_type="delete", field_name="*",
                previous_value=json.dumps(held), updated_by="A. Clerk",
            )
        )  # fmt: skip
    empty.flush()
    told = history.history(empty, service, limit=1)
    assert [change.last_action_type for change in told] == ["update"]


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(sessions: sessionmaker[Session]) -> None:
    odm = service_id("odm")
    with transaction(sessions) as mine:
        seen = mine.get_one(m.Service, odm).alert
        with transaction(sessions) as other:
            done = edit.edit(other, other.get_one(m.Service, odm), "alert", "closed on Friday", **WHO)
        with pytest.raises(Refused, match="somebody else"):
            edit.edit(mine, mine.get_one(m.Service, odm), "alert", "open on Friday", expected=seen, **WHO)
    with transaction(sessions) as session:
        assert session.get_one(m.Service, odm).alert == "closed on Friday"
        history.restore(session, done[0].id, **WHO)


def test_a_search_in_another_process_sees_a_committed_change(sessions: sessionmaker[Session]) -> None:
    def found() -> set[uuid.UUID]:
        with transaction(sessions) as session:
            return {one.service_id for one in search.find(session, Query(("disaster",), limit=50))}

    odm = service_id("odm")
    assert odm in found()
    with transaction(sessions) as session:
        done = edit.retire(session, session.get_one(m.Service, odm), reason="moved", **WHO)
    assert odm not in found()
    with transaction(sessions) as session:
        history.restore(session, done[0].id, **WHO)
    assert odm in found()
    with transaction(sessions) as session:
        done = edit.edit(session, session.get_one(m.Service, odm), "needs", "food", **WHO)
    assert odm not in found()
    with transaction(sessions) as session:
        history.restore(session, done[0].id, **WHO)
    assert odm in found()


@pytest.mark.parametrize(("field", "value"), [("number", "+17675550102"), ("channel", "sms"), ("extension", "7")])
def test_a_changed_number_is_unverified_also_when_it_comes_back(
    empty: Session, add: Add, field: str, value: str
) -> None:
    phone = phone_of(empty, service_of(empty, add, phone="+17675550101", verified=True, demo=True))
    done = edit.edit(empty, phone, field, value, **WHO)
    assert (phone.verified_by, phone.verified_on, phone.demo) == (None, None, False)
    assert {change.field_name for change in done} >= {field, "verified_by", "verified_on", "demo"}
    truth.verify(empty, phone, by="B. Clerk", on=NOON.date())
    history.restore(empty, done[0].id, **WHO)
    assert phone.verified_on is None
    with pytest.raises(Refused, match="check"):
        history.restore(empty, next(one.id for one in done if one.field_name == "verified_on"), **WHO)


def test_words_about_a_number_leave_it_verified(empty: Session, add: Add) -> None:
    phone = phone_of(empty, service_of(empty, add, phone="+17675550101", verified=True))
    edit.edit(empty, phone, "description", "ask for the nurse", **WHO)
    assert phone.verified_on is not None


def test_changed_hours_and_addresses_are_unverified(empty: Session, rows: dict[str, Any]) -> None:
    for table, field, value in (("schedule", "opens_at", "09:00"), ("location_address", "address_1", "2 Long Street")):
        truth.verify(empty, rows[table], by="A. Clerk", on=NOON.date())
        edit.edit(empty, rows[table], field, value, **WHO)
        assert (rows[table].verified_by, rows[table].next_check_due) == (None, None)


def test_hours_come_back_as_a_pair(empty: Session, rows: dict[str, Any]) -> None:
    hours = rows["schedule"]
    done = edit.edit_all(empty, hours, {"opens_at": "", "closes_at": ""}, **WHO)
    assert (hours.opens_at, hours.closes_at) == (None, None)
    history.restore(empty, done[0].id, by="B. Clerk", now=NOON + timedelta(minutes=1))
    assert (hours.opens_at, hours.closes_at) == (time(8), time(16))


def test_half_an_interval_is_refused_in_words(empty: Session, rows: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="both_times"), empty.begin_nested():
        edit.edit(empty, rows["schedule"], "opens_at", "", **WHO)


def test_what_was_changed_again_is_not_put_back(empty: Session, rows: dict[str, Any]) -> None:
    first = edit.edit(empty, rows["service"], "name", "Second", **WHO)[0]
    edit.edit(empty, rows["service"], "name", "Third", **WHO)
    with pytest.raises(Refused, match="somebody else"):
        history.restore(empty, first.id, **WHO)
    with pytest.raises(InvalidInput):
        history.restore(empty, uuid.uuid4(), **WHO)


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("phone", "number", "quetzal"), ("phone", "channel", "quetzal"), ("service", "status", "quetzal"),
        ("service", "audience", "quetzal"), ("service", "minimum_age", "quetzal"), ("service", "needs", "quetzal"),
        ("service", "needs", "food food"), ("service", "name", " "), ("location", "parish", "quetzal"),
        ("location", "place", "quetzal"), ("location", "latitude", "91"), ("schedule", "opens_at", "25:00"),
        ("schedule", "valid_from", "quetzal"), ("cost_option", "amount", "NaN"), ("language", "code", "quetzal"),
        ("service", "confidential", "quetzal"), ("service", "id", "quetzal"), ("service", "verified_by", "quetzal"),
        ("phone", "demo", "yes"), ("phone", "service_id", "quetzal"), ("service_text", "state", "reviewed"),
        ("service", "referred_by_id", "quetzal"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_without_repeating_it(
    empty: Session, rows: dict[str, Any], table: str, field: str, value: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        edit.edit(empty, rows[table], field, value, **WHO)
    assert "quetzal" not in str(refused.value)
    assert history.history(empty, rows[table]) == []


def test_nobody_changes_anything(empty: Session, rows: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="named"):
        edit.edit(empty, rows["service"], "name", "Other", by=" ", now=NOON)


def test_a_confidential_service_is_referred_to_by_an_office_that_may_be_named(empty: Session, add: Add) -> None:
    service, office = service_of(empty, add), empty.get_one(m.Service, add("Welfare", "safety"))
    hidden = empty.get_one(m.Service, add("Refuge", "safety", confidential=True))
    for wrong in (service.id, hidden.id, uuid.uuid4()):
        with pytest.raises(Refused):
            edit.edit(empty, service, "referred_by_id", wrong, **WHO)
    edit.edit_all(empty, service, {"confidential": True, "referred_by_id": str(office.id)}, **WHO)
    assert (service.confidential, service.referred_by_id) == (True, office.id)


def test_what_is_made_has_a_history_and_is_unverified(empty: Session, add: Add) -> None:
    service = service_of(empty, add)
    values = {"service_id": service.id, "number": "767-555-0105", "channel": "whatsapp"}
    phone = edit.create(empty, m.Phone, values, **WHO)
    assert (phone.number, phone.verified_on) == ("+17675550105", None)
    told = history.history(empty, phone)
    assert {(one.field_name, one.last_action_type) for one in told} == {("number", "create"), ("channel", "create")}
    with pytest.raises(Refused, match="out of use"):
        history.restore(empty, told[0].id, **WHO)
    new = {"organization_id": service.organization_id, "name": "New", "needs": "food"}
    made = edit.create(empty, m.Service, new, **WHO)
    assert [one.service_id for one in search.find(empty, Query(("food",)))] == [made.id]
    with pytest.raises(InvalidInput):
        edit.create(empty, m.Phone, {"service_id": uuid.uuid4(), "number": "7675550105"}, **WHO)


def test_a_retired_number_is_told_nowhere_and_comes_back_unverified(empty: Session, add: Add) -> None:
    service = service_of(empty, add, phone="+17675550101", verified=True, parish="Saint George")
    phone = phone_of(empty, service)
    edit.retire(empty, phone, reason="disconnected", **WHO)
    found = search.find(empty, Query(("health",)))[0]
    assert (found.phones, found.has_unverified_phone) == ((), False)
    assert truth.due(empty, NOON.date()) == []
    with pytest.raises(Refused):
        edit.retire(empty, phone, **WHO)
    with pytest.raises(Refused):
        truth.verify(empty, phone, by="A. Clerk", on=NOON.date())
    edit.unretire(empty, phone, **WHO)
    assert (phone.retired_on, phone.verified_on) == (None, None)
    assert search.find(empty, Query(("health",)))[0].has_unverified_phone


def test_retired_hours_are_not_known_any_more_and_come_back(empty: Session, rows: dict[str, Any]) -> None:
    query = Query(("health",), at=NOON)
    assert search.find(empty, query)[0].open_now is False
    edit.retire(empty, rows["schedule"], **WHO)
    assert search.find(empty, query)[0].open_now is None
    edit.unretire(empty, rows["schedule"], **WHO)
    assert search.find(empty, query)[0].open_now is False
    with pytest.raises(Refused):
        edit.unretire(empty, rows["schedule"], **WHO)
    with pytest.raises(InvalidInput):
        edit.retire(empty, rows["location"], **WHO)


def test_a_translation_is_outdated_when_its_text_changes_and_a_draft_when_it_changes(
    empty: Session, rows: dict[str, Any]
) -> None:
    text, service = rows["service_text"], rows["service"]
    truth.review(empty, text, by="A speaker", on=NOON.date(), seen="Clinique")
    assert text.state == "reviewed"
    edit.edit(empty, service, "name", "Hospital", **WHO)
    assert text.state == "outdated"
    edit.edit(empty, text, "text", "Hôpital", **WHO)
    assert (text.state, text.reviewed_by) == ("draft", None)
    with pytest.raises(Refused):
        truth.review(empty, text, by="A speaker", on=NOON.date(), seen="Clinique")


def test_who_dialled_the_old_number_does_not_verify_the_new_one(empty: Session, add: Add) -> None:
    phone = phone_of(empty, service_of(empty, add, phone="+17675550101"))
    edit.edit(empty, phone, "number", "+17675550102", **WHO)
    with pytest.raises(Refused):
        truth.verify(empty, phone, by="A. Clerk", on=NOON.date(), seen={"number": "+17675550101"})
    assert phone.verified_on is None
