"""1,000 people who write at once, and the same with parts of the service killed in the middle."""

import re
import time
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from bot.drain import HOLD
from oncall.models import Case
from tests.faults.checker import settled, sids_taken
from tests.faults.house import CLAIM_S, PAUSE_S, House, Running
from tests.faults.people import addresses, messages
from tests.service import wait_until

pytestmark = pytest.mark.slow
SENDER_THREADS = 8
PARTS = [["web"], ["turn"], ["turn", "turn 2"], ["send"], ["sweeper"], ["engine"], ["rasa"], ["valkey"], ["postgres"]]
DISCLOSURE = "mari m ap bat mwen"
CODE = re.compile(r"\b[0-9]{4}\b")


def test_a_thousand_people_are_each_answered_once(house: House) -> None:
    flood = house.double.flood(messages(1000))
    assert flood.statuses == {204: 1000}
    verdict = settled(house, sids_taken(flood))
    assert verdict.accepted == 1000
    assert verdict.faults == {}
    assert len({message.to for message in house.sent()}) == 1000
    assert house.double.violations == []


@pytest.mark.parametrize("parts", PARTS, ids=" and ".join)
def test_a_killed_part_loses_nothing_and_answers_nobody_twice(house: House, parts: Sequence[str]) -> None:
    house.double.delay(0.05, times=None)  # so that sends are always under way
    run = Running(house, messages(300), rate=60)
    run.until(60)
    for part in parts:
        house.kill(part)
    time.sleep(PAUSE_S)
    house.start(*parts)
    _all_answered_once(house, run, refused="web" in parts)
    assert house.dead() == []  # nothing else went down with it


@pytest.mark.parametrize(
    "parts", [["engine"], ["send"], ["engine", "send", "turn", "valkey"], ["postgres"]], ids=" and ".join
)
def test_each_disclosure_is_paged_although_a_part_is_killed(house: House, parts: Sequence[str]) -> None:
    """The engine writes pages, `send` (queues protect and send) hands them to the carrier."""
    house.officer()
    house.double.delay(0.05, times=None)
    run = Running(house, [(address, DISCLOSURE) for address in addresses(60)], rate=15)
    wait_until(lambda: len(house.pages()) >= 5, "pages in the run", 60)
    for part in parts:
        house.kill(part)
    time.sleep(PAUSE_S)
    house.start(*parts)
    flood = run.ended()
    assert set(flood.statuses) == {204}
    wait_until(lambda: _paged(house) == _codes(house) and len(_codes(house)) == 60, "each case is paged", 60)
    assert settled(house, sids_taken(flood)).faults == {}
    assert house.double.violations == []


def _codes(house: House) -> set[str]:
    with house.sessions() as session:
        return set(session.scalars(select(Case.code)))


def _paged(house: House) -> set[str]:
    """The codes of the cases that the officer has been told of."""
    return {found[0] for page in house.pages() if (found := CODE.search(page.text))}


def test_a_killed_sender_whose_messages_are_never_reported_is_found_out(house: House) -> None:
    """Without delivery reports, only the look-up tells what the carrier has."""
    house.double.callbacks = "none"
    house.double.delay(0.05, times=None)
    run = Running(house, messages(300), rate=60)
    for answers in (40, 120):
        run.until(answers)
        house.kill("send")
        time.sleep(PAUSE_S)
        house.start("send")
    _all_answered_once(house, run)


def test_a_paused_turn_worker_that_comes_back_repeats_nothing(house: House) -> None:
    """The others have done its work meanwhile; what it still believes to be its own is not."""
    run = Running(house, messages(300), rate=60)
    run.until(60)
    _pause(house, "turn", HOLD.total_seconds() + 2)
    _all_answered_once(house, run)


def test_a_paused_sender_that_comes_back_begins_nothing_that_has_been_looked_up(house: House) -> None:
    """Only calls that were being made at the moment of the pause can go out twice: no check can come after them."""
    house.double.callbacks = "none"
    house.double.delay(0.05, times=None)
    run = Running(house, messages(300), rate=60)
    run.until(60)
    _pause(house, "send", CLAIM_S + 3)
    flood = run.ended()
    verdict = settled(house, sids_taken(flood), of="lost")
    assert verdict.lost == {}
    assert len(verdict.twice) <= SENDER_THREADS


def _pause(house: House, part: str, seconds: float) -> None:
    """Stop a process for a while, then let it end its job."""
    house.pause(part)
    time.sleep(seconds)
    house.resume(part)
    house.end(part)
    house.start(part)


def _all_answered_once(house: House, run: Running, *, refused: bool = False) -> None:
    flood = run.ended()
    assert set(flood.statuses) == ({204, 0} if refused else {204})
    verdict = settled(house, sids_taken(flood))
    assert verdict.accepted >= (100 if refused else 300)
    assert verdict.faults == {}
    assert house.double.violations == []
