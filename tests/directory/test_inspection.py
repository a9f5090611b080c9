"""`koudmen directory check`: what is wrong and what is missing, each found where it is and only there."""

import uuid
from datetime import date

from sqlalchemy.orm import Session

import directory.models as m
from directory.inspection import ERROR, inspect
from directory.load import seed
from tests.directory.conftest import Add
from tests.directory.exchange_world import wipe

TODAY = date(2026, 11, 24)


def told(session: Session) -> dict[str, tuple[str, ...]]:
    return {one.what: one.names for one in inspect(session, TODAY)}


def complete(empty: Session, add: Add) -> uuid.UUID:
    """A service with nothing wrong and nothing missing."""
    key = add("Clinic", "health", parish="Saint George", place="Roseau", phone="+17675550101", verified=True,
              speaks=("en",), opening={"byday": "MO"}, open_to_migrants="yes", source="a call")  # fmt: skip
    empty.query(m.Phone).update({"source": "a call"})
    empty.add_all(m.ServiceText(service_id=key, field="name", language=one, text="x") for one in ("ht", "acf"))
    empty.flush()
    return key


def test_a_complete_service_is_not_spoken_of(empty: Session, add: Add) -> None:
    complete(empty, add)
    assert told(empty) == {}


def test_each_fault_is_found(empty: Session, add: Add) -> None:
    key = complete(empty, add)
    add("Nothing known")
    hidden = add("Zephyrine", "shelter", parish="Saint John", confidential=True)
    empty.query(m.ServiceNeed).filter_by(service_id=key).update({"need": "no such"})
    empty.query(m.Location).filter(m.Location.place == "Roseau").update({"latitude": 51.5, "place": "Atlantis"})
    empty.query(m.Phone).update({"number": "7675550101", "next_check_due": date(2026, 1, 1), "verified_on": None})
    empty.query(m.Schedule).update({"byday": "Monday"})
    empty.add(m.Organization(name="Idle office", name_valid_to=date(2022, 12, 13)))
    empty.flush()
    found = told(empty)
    assert found["services without a need: nobody finds them"] == ("Nothing known",)
    assert found["services with a need code that is unknown"] == ("Clinic",)
    assert found["services without a place, an area, or the whole island"] == ("Nothing known",)
    assert found["confidential services without a referring office"] == (f"confidential {hidden}",)
    assert len(found["places with coordinates outside Dominica"]) == 1
    assert len(found["places with a parish or village that is not in the list"]) == 1
    assert found["numbers that nobody has verified: never sent"] == ("7675550101",)
    assert found["numbers whose check is overdue"] == ("7675550101",)
    assert found["numbers without +1: perhaps not to be dialled from every phone"] == ("7675550101",)
    assert found["hours that cannot be read: told as unknown"] == ("Clinic",)
    assert found["organizations without a service"] == ("Idle office",)
    assert found["organizations whose name has ended"] == ("Idle office",)
    assert "Nothing known" in found["services whose languages are unknown"]
    assert "Nothing known" in found["services without a text in ht"]
    assert "Zephyrine" not in str(found)


def test_the_seed_has_no_errors(empty: Session) -> None:
    wipe(empty)
    seed(empty, demo=False)
    assert [str(one) for one in inspect(empty, TODAY) if one.level == ERROR] == []
