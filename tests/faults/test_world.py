"""What goes wrong around the service while 200 people write: the queue lost, a hanging Rasa, a carrier in trouble."""

import os
import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, text

from bot.models import UnreadMessage
from messaging.models import InboundMessage, OutboundMessage
from tests.fakes.twilio import TwilioDouble
from tests.faults.checker import Verdict, settled, sids_taken
from tests.faults.house import House, Running
from tests.faults.people import addresses, messages
from tests.service import wait_until

pytestmark = pytest.mark.slow
PEOPLE = 200
FROZEN_S = 30.0 if os.environ.get("KOUDMEN_FAULTS") == "full" else 8.0
_MEMORY = text(
    "UPDATE conversation SET pace = '\\x00' WHERE id = (SELECT conversation_id FROM inbound_message WHERE id = :id)"
)
_WORDS = text("UPDATE inbound_message SET body = '\\x00' WHERE id = :id")


def test_flushing_valkey_loses_nothing(house: House) -> None:
    run = Running(house, messages(PEOPLE), rate=80)
    for answers in (20, 60, 100):
        run.until(answers)
        house.redis.flushall()
    _all_answered_once(house, run)


@pytest.mark.parametrize("trouble", ["away", "read-only"])
def test_without_valkey_people_are_answered_all_the_same(house: House, trouble: str) -> None:
    """Nobody can ring: the workers look for themselves, those that had nothing to do as well."""
    run = Running(house, messages(20), rate=40)
    _all_answered_once(house, run)
    house.kill("valkey") if trouble == "away" else house.redis.replicaof("127.0.0.1", "1")
    try:
        _all_answered_once(house, Running(house, messages(PEOPLE)[20:], rate=40))
    finally:
        house.start("valkey") if trouble == "away" else house.redis.replicaof("NO", "ONE")
    assert house.dead() == []


def test_a_hanging_rasa_delays_nobody_for_long(house: House) -> None:
    run = Running(house, messages(PEOPLE), rate=80)
    run.until(40)
    house.pause("rasa")
    try:
        _all_answered_once(house, run)
    finally:
        house.resume("rasa")


def test_webhooks_repeated_during_the_run_are_answered_once(house: House) -> None:
    run = Running(house, messages(PEOPLE), rate=80)
    while run.thread.is_alive():
        for sid in list(house.double.inbound)[-8:]:
            assert house.double.repeat(sid).status == 204
    verdict = _all_answered_once(house, run)
    with house.sessions() as session:
        assert session.scalar(select(func.count()).select_from(InboundMessage)) == verdict.accepted


def test_callbacks_repeated_and_backwards_leave_everything_delivered(house: House) -> None:
    house.double.callbacks = ["delivered", "sent", "delivered", "queued", "sent"]
    _all_answered_once(house, Running(house, messages(PEOPLE), rate=80))
    assert _deliveries(house) == {"delivered": len(house.sent())}


TROUBLES: dict[str, Callable[[TwilioDouble], object]] = {
    "drops connections after taking the message": lambda d: d.drop(accepted=True, times=10),
    "drops connections before taking it": lambda d: d.drop(times=10),
    "hangs after taking it": lambda d: d.hang(accepted=True, times=10),
    "hangs before taking it": lambda d: d.hang(times=10),
    "answers 429": lambda d: d.limit(15),
    "answers 500": lambda d: d.fail(500, times=10),
    "answers 503": lambda d: d.fail(code=20503, times=10),
    "closes every connection": lambda d: d.cut_connections(),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_carrier_in_trouble_gets_each_message_once(house: House, trouble: str) -> None:
    house.double.callbacks = "none"  # no report tells what our call did not
    run = Running(house, messages(PEOPLE), rate=80)
    run.until(30)
    TROUBLES[trouble](house.double)
    time.sleep(1.5)
    if trouble == "answers 429":
        house.double.limit(None)
    _all_answered_once(house, run)


def test_a_look_up_that_fails_is_made_again(house: House) -> None:
    """While the outcome is unknown and the list cannot be read, nothing is sent again."""
    house.double.callbacks = "none"
    house.double.drop(accepted=True, times=5)
    house.double.fail(500, on="read", times=3)
    house.double.drop(on="read", times=2)
    _all_answered_once(house, Running(house, messages(30), rate=80))
    assert house.dead() == []


def test_the_same_words_twice_of_unknown_outcome_are_found_twice(house: House) -> None:
    """Two equal replies to one person, one taken and one not: the one that was not taken is sent."""
    [who] = addresses(1)
    house.double.callbacks = "none"
    house.double.drop(accepted=True)
    house.double.drop()
    for _ in range(2):
        house.double.send_sms(who, "mwen bezwen manje nan Wozo")
    wait_until(lambda: [state for state, _ in _states(house)] == ["accepted"] * 2, "both outcomes are known", 30)
    with house.sessions() as session:
        noted = set(session.scalars(select(OutboundMessage.external_id)))
    assert noted == {message.sid for message in house.sent()}
    assert len(noted) == 2


def test_an_opted_out_person_is_not_tried_again(house: House) -> None:
    [who] = addresses(1)
    house.double.opt_out(who)
    house.double.send_sms(who, "mwen bezwen manje nan Wozo")
    wait_until(lambda: _states(house) == [("failed", 21610)], "the outbox gives up", 20)
    assert house.sent() == []
    with house.sessions() as session:
        assert session.scalar(select(func.count()).select_from(OutboundMessage)) == 1
    house.double.opted_out.clear()


def test_a_phone_switched_off_is_tried_again_until_it_is_on(house: House) -> None:
    [who] = addresses(1)
    house.double.fail_later(30003, times=2)
    house.double.send_sms(who, "mwen bezwen manje nan Wozo")
    wait_until(lambda: _deliveries(house) == {"delivered": 1}, "it is delivered", 30)
    assert [message.status for message in house.sent()] == ["undelivered", "undelivered", "delivered"]


def test_reports_of_an_earlier_try_do_not_touch_the_later_one(house: House) -> None:
    """Twilio may report a failure twice, and late: one failure is one new try."""
    [who] = addresses(1)
    house.double.callbacks = ["undelivered", "undelivered", "sent", ("undelivered", 1.0)]
    house.double.fail_later(30003)
    house.double.send_sms(who, "mwen bezwen manje nan Wozo")
    wait_until(lambda: len(house.sent()) == 1, "the first try", 20)
    house.double.callbacks = ["sent", ("delivered", 2.0)]
    wait_until(lambda: _deliveries(house) == {"delivered": 1}, "it is delivered", 30)
    house.double.settle(10)
    assert len(house.sent()) == 2
    assert _deliveries(house) == {"delivered": 1}


def test_outside_the_window_is_given_up(house: House) -> None:
    who = addresses(2)[1]
    house.double.fail_later(63016, "failed")
    house.double.send_whatsapp(who, "mwen bezwen manje nan Wozo")
    wait_until(lambda: _states(house) == [("failed", 63016)], "the outbox gives up", 20)
    assert len(house.sent()) == 1


def test_a_database_that_stands_still_loses_nothing(house: House) -> None:
    """No process of ours dies of it, and none gives an answer twice for having waited."""
    run = Running(house, messages(PEOPLE), rate=40)
    run.until(40)
    house.pause("postgres")
    time.sleep(FROZEN_S)
    house.resume("postgres")
    _all_answered_once(house, run)
    assert house.dead() == []


def test_a_poisoned_message_goes_to_a_person_and_holds_up_nobody(house: House) -> None:
    """One conversation's memory and one message's words are damaged, as by a bad disk."""
    for part in ("turn", "turn 2", "sweeper", "engine"):
        house.end(part)
    flood = house.double.flood(messages(30))
    with house.sessions() as session, session.begin():
        ids = session.scalars(select(InboundMessage.id).order_by(InboundMessage.id)).all()
        session.execute(_MEMORY, {"id": ids[3]})
        session.execute(_WORDS, {"id": ids[7]})
    house.start("turn", "turn 2", "sweeper", "engine")
    wait_until(lambda: len({message.to for message in house.sent()}) >= 28, "the others are answered", 60)
    verdict = settled(house, sids_taken(flood))
    assert verdict.faults == {}
    with house.sessions() as session:
        failed = select(UnreadMessage.inbound_id).where(UnreadMessage.reason == "failed")
        assert set(session.scalars(failed)) == {ids[3], ids[7]}


def _all_answered_once(house: House, run: Running) -> Verdict:
    flood = run.ended()
    assert flood.statuses == {204: len(flood.answers)}
    verdict = settled(house, sids_taken(flood))
    assert verdict.faults == {}
    assert house.double.violations == []
    return verdict


def _deliveries(house: House) -> dict[str | None, int]:
    with house.sessions() as session:
        rows = session.execute(select(OutboundMessage.delivery, func.count()).group_by(OutboundMessage.delivery))
        return {row[0]: row[1] for row in rows}


def _states(house: House) -> list[tuple[str, int | None]]:
    with house.sessions() as session:
        rows = session.execute(select(OutboundMessage.state, OutboundMessage.error_code))
        return [(row[0], row[1]) for row in rows]
