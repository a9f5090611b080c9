"""The clock of the machine jumps two hours while people write: what has to be in time goes by the database's clock."""

import time

import pytest
from sqlalchemy import func, select

from messaging.models import InboundMessage
from oncall.models import Case, Page
from tests.faults.checker import settled, sids_taken
from tests.faults.house import House, Running
from tests.faults.people import addresses, messages
from tests.service import wait_until

pytestmark = pytest.mark.slow
TWO_HOURS_S = 7200.0
DISCLOSURE = "mari m ap bat mwen"


@pytest.mark.parametrize("seconds", [TWO_HOURS_S, -TWO_HOURS_S], ids=["ahead", "back"])
def test_a_clock_that_jumps_loses_nothing_and_answers_nobody_twice(house: House, seconds: float) -> None:
    run = Running(house, messages(200), rate=60)
    run.until(40)
    house.clock(seconds)
    run.until(120)
    house.clock(0)
    flood = run.ended()
    assert flood.statuses == {204: 200}
    assert settled(house, sids_taken(flood)).faults == {}
    assert house.double.violations == []


@pytest.mark.parametrize("seconds", [TWO_HOURS_S, -TWO_HOURS_S], ids=["ahead", "back"])
def test_no_disclosure_is_escalated_early_and_none_is_paged_late(house: House, seconds: float) -> None:
    """Two hours ahead every acknowledgement would be overdue, two hours back no page would be due."""
    house.officer()
    people = addresses(12)
    for address in people[:6]:
        house.double.flood([(address, DISCLOSURE)])
    house.clock(seconds)
    house.double.flood([(address, DISCLOSURE) for address in people[6:]])
    wait_until(lambda: len(house.pages()) >= 12, "each is paged", 20)
    time.sleep(2)  # for the engine to look at its clocks some times
    assert len(house.pages()) == 12
    with house.sessions() as session:
        assert set(session.scalars(select(Case.level))) == {1}
        assert session.scalar(select(func.count()).select_from(Page)) == 12


def test_what_was_spooled_before_the_clock_went_back_is_taken_in_first(house: House) -> None:
    """A web process that is started anew meanwhile goes on after the names that are there."""
    [who] = addresses(1)
    house.clock(TWO_HOURS_S)
    house.pause("postgres")
    try:
        house.double.flood([(who, "I need food in Roseau")])
        house.clock(0)
        house.kill("web")
        house.start("web")
        flood = house.double.flood([(who, "thanks")])
    finally:
        house.resume("postgres")
    assert flood.statuses == {204: 1}
    wait_until(lambda: len(house.sent()) == 2, "both are answered", 60)
    assert _texts_in(house) == ["I need food in Roseau", "thanks"]


def _texts_in(house: House) -> list[str | None]:
    with house.sessions() as session:
        return list(session.scalars(select(InboundMessage.body).order_by(InboundMessage.id)))
