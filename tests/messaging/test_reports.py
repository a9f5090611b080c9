"""Delivery reports: whatever their order and however often they come, the best state stands."""

import uuid
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from base.settings import Outbox
from messaging import outbox, sender
from messaging.models import OutboundMessage
from messaging.outbox import DELIVERY_RANK, FAILED

HOLD, ZERO = timedelta(seconds=20), timedelta(0)
RULES = Outbox(claim=HOLD, retry=(ZERO, timedelta(seconds=10)), give_up=timedelta(hours=12))
STATUSES = sorted(DELIVERY_RANK)
GAVE_UP, TRIED_AGAIN = 30005, 30003
often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
reports_drawn = st.lists(st.sampled_from(STATUSES), min_size=1, max_size=8)


def to_first(session: Session, message: uuid.UUID, state: str = "sending") -> None:
    """Back to a message that was claimed for the first time."""
    session.execute(
        text(
            "UPDATE outbound_message SET state = :state, delivery = NULL, delivery_rank = -1, external_id = NULL, "
            "error_code = NULL, attempts = 0, due_at = now(), claim_until = now() + interval '20 s' WHERE id = :id"
        ),
        {"state": state, "id": message},
    )
    session.expire_all()


def told(session: Session, message: uuid.UUID, status: str, sid: str = "SM1", code: int = GAVE_UP) -> None:
    """As the webhook does."""
    failed = DELIVERY_RANK[status] == FAILED
    news = outbox.report(session, message, status, external_id=sid, code=code if failed else 0)
    if news and failed:
        sender.delivery_failed(session, message, code, RULES)
        session.flush()


def now_is(session: Session, message: uuid.UUID) -> OutboundMessage:
    session.expire_all()
    return session.get_one(OutboundMessage, message)


@often
@given(reports_drawn)
def test_any_order_ends_in_the_best(session: Session, message: uuid.UUID, statuses: list[str]) -> None:
    to_first(session, message)
    outbox.accepted(session, message, "SM1", "queued")
    for status in statuses:
        told(session, message, status)
    best = max(DELIVERY_RANK[status] for status in [*statuses, "queued"])
    found = now_is(session, message)
    assert found.delivery_rank == best
    assert DELIVERY_RANK[found.delivery or ""] == best
    assert found.state == ("failed" if best == FAILED else "accepted")


@pytest.mark.parametrize("with_failure", [False, True])
def test_every_permutation_with_our_own_answer_among_them(
    session: Session, message: uuid.UUID, with_failure: bool
) -> None:
    """The answer to our own call may come after any of the reports."""
    last = "undelivered" if with_failure else "delivered"
    for order in permutations(["ours", "sending", "sent", last, last]):
        to_first(session, message)
        for step in order:
            if step == "ours":
                outbox.accepted(session, message, "SM1", "queued")
            else:
                told(session, message, step)
        found = now_is(session, message)
        wanted = ("failed", "undelivered") if with_failure else ("accepted", "delivered")
        assert (found.state, found.delivery, found.external_id) == (*wanted, "SM1"), order


def test_a_failure_that_can_pass_is_tried_once_more_for_each_try(session: Session, message: uuid.UUID) -> None:
    for order in permutations(["ours", "sent", "undelivered", "undelivered"]):
        to_first(session, message)
        for step in order:
            if step == "ours":
                outbox.accepted(session, message, "SM1", "queued")
            else:
                told(session, message, step, code=TRIED_AGAIN)
        found = now_is(session, message)
        assert (found.state, found.attempts) == ("queued", 1), order


@often
@given(st.lists(st.sampled_from(["queued", "sending", "sent", "undelivered"]), max_size=6), st.data())
def test_reports_of_the_first_try_leave_the_second_alone(
    session: Session, message: uuid.UUID, late: list[str], data: st.DataObject
) -> None:
    to_first(session, message)
    outbox.accepted(session, message, "SM1", "queued")
    told(session, message, "undelivered", code=TRIED_AGAIN)
    second = [("SM1", status) for status in late] + [("SM2", "sent"), ("SM2", "delivered")]
    steps = data.draw(st.permutations(second))
    claim_at = data.draw(st.integers(0, len([s for s in steps if s[0] == "SM1"])))
    early = [step for step in steps if step[0] == "SM1"][:claim_at]
    for sid, status in early:
        told(session, message, status, sid, TRIED_AGAIN)
    assert now_is(session, message).state == "queued"
    session.execute(text("UPDATE outbound_message SET state = 'sending' WHERE id = :id"), {"id": message})
    for sid, status in [step for step in steps if step not in early]:
        told(session, message, status, sid, TRIED_AGAIN)
    outbox.accepted(session, message, "SM2", "queued")
    found = now_is(session, message)
    assert (found.state, found.delivery, found.external_id, found.attempts) == ("accepted", "delivered", "SM2", 2)


@pytest.mark.parametrize("state", ["queued", "sending", "unknown"])
def test_a_delivery_of_any_try_ends_the_trying(session: Session, message: uuid.UUID, state: str) -> None:
    """The person has it: nothing is sent again, whatever had failed before."""
    to_first(session, message)
    outbox.accepted(session, message, "SM1", "queued")
    told(session, message, "undelivered", code=TRIED_AGAIN)
    session.execute(text("UPDATE outbound_message SET state = :s WHERE id = :id"), {"s": state, "id": message})
    told(session, message, "delivered")
    found = now_is(session, message)
    assert (found.state, found.delivery) == ("accepted", "delivered")


@pytest.mark.parametrize("state", ["sending", "unknown", "queued"])
@pytest.mark.parametrize("status", ["queued", "sent", "delivered", "read"])
def test_a_report_proves_that_the_carrier_has_it(session: Session, message: uuid.UUID, state: str, status: str) -> None:
    """The sender died, got no answer, or took a wrong one for a refusal: a report settles it, and nothing is sent."""
    to_first(session, message, state)
    told(session, message, status)
    found = now_is(session, message)
    assert (found.state, found.external_id, found.attempts) == ("accepted", "SM1", 1)
    for late in (
        lambda: outbox.unknown(session, message, ZERO),
        lambda: outbox.retry(session, message, ZERO, 20429),
        lambda: outbox.failed(session, message, 21211),
        lambda: outbox.expire_claims(session),
    ):
        late()
        assert now_is(session, message).state == "accepted"


def test_unknown_words_and_unknown_messages_change_nothing(session: Session, message: uuid.UUID) -> None:
    assert not outbox.report(session, message, "teleported", external_id="SM1")
    assert not outbox.report(session, uuid.uuid4(), "delivered", external_id="SM1")
    assert now_is(session, message).state == "queued"
