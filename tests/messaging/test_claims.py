"""Claiming what is due: each message once, protection first, within the rate, one person's in order."""

import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from base.clock import now
from base.db import transaction
from base.errors import OutcomeUnknown, SendError
from base.settings import Outbox
from messaging import optout, outbox, sender
from messaging.channel import Accepted
from messaging.models import Address, OutboundMessage
from messaging.outbox import Lane, Sending
from messaging.sender import Lines, Sender
from tests.messaging.conftest import put

HOLD, NONE = timedelta(seconds=20), timedelta(0)
RULES = Outbox(claim=HOLD, retry=(NONE, timedelta(seconds=10), timedelta(minutes=1)), give_up=timedelta(hours=12))
PLENTY = 1e6
often = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def claim(
    session: Session, limit: int = 100, rate: float = PLENTY, lanes: Sequence[Lane] = tuple(Lane)
) -> list[Sending]:
    return outbox.claim_due(session, "sms", limit=limit, hold=HOLD, rate=rate, lanes=lanes)


def number(n: int) -> str:
    return f"+17675550{100 + n}"


def test_two_claimers_never_take_the_same(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        for n in range(60):
            put(session, number(n), "bonjou")
    taken: list[uuid.UUID] = []
    begin = threading.Barrier(4)

    def take() -> None:
        begin.wait()
        while True:
            with transaction(sessions) as session:
                mine = [message.id for message in claim(session, limit=3)]
            if not mine:
                return
            taken.extend(mine)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 60
    assert max(Counter(taken).values()) == 1


@often
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(Lane))), min_size=1, max_size=12), st.integers(1, 5))
def test_protection_first_and_each_person_in_order(
    session: Session, queued: list[tuple[int, Lane]], limit: int
) -> None:
    with session.begin_nested() as inside:
        sent: list[tuple[int, Lane, int]] = []
        told: dict[uuid.UUID, tuple[int, Lane, int]] = {}
        for place, (who, lane) in enumerate(queued):
            told[put(session, number(who), "bonjou", lane=lane)[0]] = (who, lane, place)
        while batch := claim(session, limit=limit):
            these = [told[message.id] for message in batch]
            assert [lane for _, lane, _ in these] == sorted(lane for _, lane, _ in these)
            assert len({(who, lane) for who, lane, _ in these}) == len(these)
            sent += these
            for message in batch:
                outbox.accepted(session, message.id, "SM1", "queued")
        assert len(sent) == len(queued)
        for one in {(who, lane) for who, lane, _ in sent}:  # what is urgent may overtake what is not
            places = [place for who, lane, place in sent if (who, lane) == one]
            assert places == sorted(places)
        inside.rollback()


def test_protection_of_others_goes_before_replies(session: Session) -> None:
    for n in range(5):
        put(session, number(n), "bonjou")
    [first] = put(session, number(9), "danger", lane=Lane.PROTECTION)
    assert claim(session, limit=1)[0].id == first


def test_the_rate_in_segments_holds(session: Session) -> None:
    for n in range(20):
        put(session, number(n), "a" * 200)  # two segments each
    assert sum(message.segments for message in claim(session, rate=10)) == 10
    assert claim(session, rate=10) == []
    _pass(session, 0.5)
    assert sum(message.segments for message in claim(session, rate=10)) in {4, 6}
    _pass(session, 60)
    assert sum(message.segments for message in claim(session, rate=10)) == 10


def test_an_allowance_not_used_is_kept(session: Session) -> None:
    """Claiming often does not lose what has come together between the claims."""
    put(session, number(0), "bonjou")
    claim(session, rate=10)
    _set_tokens(session, 0)
    _pass(session, 0.9)
    put(session, number(1), "bonjou")
    assert len(claim(session, rate=10)) == 1
    for n in range(2, 20):
        put(session, number(n), "bonjou")
    assert len(claim(session, rate=10)) in {8, 9, 10}  # a slow machine lets more come together


def test_a_text_longer_than_the_allowance_leaves_too(session: Session) -> None:
    put(session, number(0), "a" * 900)  # six segments
    assert len(claim(session, rate=1)) == 1
    put(session, number(1), "bonjou")
    assert claim(session, rate=1) == []


def test_protection_does_not_wait_for_the_rate(session: Session) -> None:
    for n in range(30):
        put(session, number(n), "danger", lane=Lane.PROTECTION)
    put(session, number(50), "bonjou")
    assert len(claim(session, rate=5)) == 30


def test_lanes_can_be_chosen(session: Session) -> None:
    put(session, number(0), "bonjou")
    [first] = put(session, number(1), "danger", lane=Lane.PROTECTION)
    assert [message.id for message in claim(session, lanes=[Lane.PROTECTION])] == [first]


def test_what_is_not_due_waits(session: Session, message: uuid.UUID) -> None:
    claim(session)
    outbox.retry(session, message, timedelta(minutes=1), 20429)
    assert claim(session) == []


# -- trying again


@pytest.mark.parametrize(("tried", "wait"), [(1, 0), (2, 10), (3, 60), (4, None), (9, None)])
def test_spacing(tried: int, wait: int | None) -> None:
    assert outbox.again_at(tried, RULES.retry) == (None if wait is None else timedelta(seconds=wait))


def test_a_busy_carrier_is_tried_at_once_then_spaced_then_given_up(session: Session, message: uuid.UUID) -> None:
    waits = []
    for _ in range(4):
        [sending] = claim(session)
        sender.record(session, sending, SendError("busy", code=20429, status=429), RULES)
        wait, state = session.execute(
            text("SELECT extract(epoch FROM due_at - now()), state FROM outbound_message")
        ).one()
        waits.append(round(float(wait)))
        session.execute(text("UPDATE outbound_message SET due_at = now()"))
    assert (waits[:3], state) == ([0, 10, 60], "failed")


@pytest.mark.parametrize(
    ("code", "state"),
    [(21610, "failed"), (21211, "failed"), (63016, "failed"), (20429, "queued"), (30008, "queued"), (0, "queued")],
)
def test_each_refusal_has_its_action(session: Session, message: uuid.UUID, code: int, state: str) -> None:
    [sending] = claim(session)
    sender.record(session, sending, SendError("no", code=code, status=400 if code else 0), RULES)
    assert session.scalars(select(OutboundMessage.state)).one() == state


# -- outcomes nobody knows


def test_an_expired_claim_is_looked_up_and_not_sent(session: Session, message: uuid.UUID) -> None:
    claim(session)
    assert outbox.expire_claims(session) == 0
    session.execute(text("UPDATE outbound_message SET claim_until = now() - interval '1 s'"))
    assert outbox.expire_claims(session) == 1
    assert claim(session) == []
    assert session.scalars(select(OutboundMessage.state)).one() == "unknown"


class Carrier:
    """A carrier that keeps a list; what it does with a send is told by `answers`, one each."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.list: list[tuple[str, str]] = []
        self.list_fails = False

    def send(self, message: Sending) -> Accepted:
        answer = self.answers.pop(0) if self.answers else "takes"
        if answer != "loses":
            self.list.append((f"SM{len(self.list)}", message.body))
        if answer == "breaks":
            raise RuntimeError("nobody thought of this")
        if answer != "takes":
            raise OutcomeUnknown("no answer")
        return Accepted(self.list[-1][0], "queued")

    def find(self, message: Sending, since: object, known: frozenset[str]) -> Accepted | None:
        if self.list_fails:
            raise OutcomeUnknown("no answer to the look-up")
        found = [sid for sid, body in reversed(self.list) if body == message.body and sid not in known]
        return Accepted(found[0], "sent") if found else None


def work(sessions: sessionmaker[Session], carrier: Carrier) -> Sender:
    return Sender(sessions, Lines({"sms": carrier}, {}), RULES, threads=2)


def settle(sessions: sessionmaker[Session], carrier: Carrier) -> None:
    """Send and look up until nothing is left to do, whatever the clock says."""
    at_work = work(sessions, carrier)
    for _ in range(12):
        at_work.send_due()
        with transaction(sessions) as session:
            session.execute(text("UPDATE outbound_message SET due_at = now()"))
        at_work.look_up()


@pytest.mark.parametrize(
    "answers",
    [["takes silently"], ["loses"], ["loses", "takes silently", "loses"], ["takes silently", "takes silently"],
     ["takes silently", "loses"], ["loses", "loses", "takes"], ["breaks", "takes"]],
)  # fmt: skip
def test_equal_texts_are_each_sent_once(sessions: sessionmaker[Session], answers: list[str]) -> None:
    """Two equal replies to one person: the look-up of one never takes the other's."""
    carrier = Carrier(*answers)
    with transaction(sessions) as session:
        put(session, number(0), "bonjou", "bonjou")
    settle(sessions, carrier)
    assert [body for _, body in carrier.list] == ["bonjou", "bonjou"]
    with sessions() as session:
        rows = session.execute(select(OutboundMessage.state, OutboundMessage.external_id)).all()
    assert sorted(tuple(row) for row in rows) == [("accepted", "SM0"), ("accepted", "SM1")]


def test_a_look_up_without_an_answer_sends_nothing(sessions: sessionmaker[Session]) -> None:
    carrier = Carrier("takes silently")
    carrier.list_fails = True
    with transaction(sessions) as session:
        put(session, number(0), "bonjou")
    settle(sessions, carrier)
    assert len(carrier.list) == 1
    with sessions() as session:
        assert session.scalars(select(OutboundMessage.state)).one() == "unknown"


def test_a_try_that_failed_later_is_not_mistaken_for_the_next(sessions: sessionmaker[Session]) -> None:
    """The list still has the first try, which never arrived: a look-up of the second must not find that one."""
    carrier = Carrier("takes", "loses", "takes")
    with transaction(sessions) as session:
        [message] = put(session, number(0), "bonjou")
    work(sessions, carrier).send_due()
    with transaction(sessions) as session:
        assert outbox.report(session, message, "undelivered", external_id="SM0", code=30003)
        sender.delivery_failed(session, message, 30003, RULES)
    settle(sessions, carrier)
    assert [sid for sid, _ in carrier.list] == ["SM0", "SM1"]
    with sessions() as session:
        assert session.scalars(select(OutboundMessage.external_id)).one() == "SM1"


def test_a_claim_that_has_waited_too_long_is_given_back_unsent(sessions: sessionmaker[Session]) -> None:
    """A sender that was stopped for a while: by now someone else may be looking its messages up."""
    carrier = Carrier()
    with transaction(sessions) as session:
        put(session, number(0), "bonjou")
    rules = RULES.model_copy(update={"claim": NONE})
    Sender(sessions, Lines({"sms": carrier}, {}), rules, threads=2).send_due()
    assert carrier.list == []
    with sessions() as session:
        row = session.execute(select(OutboundMessage.state, OutboundMessage.attempts)).one()
    assert tuple(row) == ("queued", 0)


def test_nothing_of_a_message_is_shown() -> None:
    shown = repr(Sending(uuid.uuid4(), uuid.uuid4(), "sms", number(0), "mari m bat mwen", 1, 0, now()))
    assert "mari" not in shown
    assert "555" not in shown.partition("id=")[2].partition("channel")[2]


def _pass(session: Session, seconds: float) -> None:
    """Let time go by for the senders."""
    session.execute(text("UPDATE sender SET updated_at = updated_at - make_interval(secs => :s)"), {"s": seconds})


def _set_tokens(session: Session, tokens: float) -> None:
    session.execute(text("UPDATE sender SET tokens = :t, updated_at = clock_timestamp()"), {"t": tokens})


# -- what cannot be sent, and what may not overtake


def _row(session: Session, id_: uuid.UUID) -> Any:
    seen = (OutboundMessage.state, OutboundMessage.reason, OutboundMessage.error_code)
    return session.execute(select(*seen).where(OutboundMessage.id == id_)).one()


@pytest.mark.parametrize(
    "where", ["UPDATE outbound_message SET body = '\\x0100000001'", "UPDATE address SET value = '\\x00'"]
)
def test_a_damaged_row_fails_alone(session: Session, where: str) -> None:
    [broken] = put(session, number(1), "bonjou")
    session.execute(text(where))
    [whole] = put(session, number(2), "bonjou")
    assert [message.id for message in claim(session)] == [whole]
    assert (_row(session, broken).state, _row(session, broken).reason) == ("failed", "damaged")


def test_a_damaged_row_of_unknown_outcome_fails_alone(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        [broken] = put(session, number(1), "bonjou")
        claim(session)
        outbox.unknown(session, broken, NONE)
        session.execute(text("UPDATE outbound_message SET body = '\\x0100000001'"))
    Sender(sessions, Lines({}, {}), RULES).look_up()
    with sessions() as session:
        assert _row(session, broken).reason == "damaged"


def test_later_messages_do_not_overtake_one_in_trouble(session: Session) -> None:
    first, second = put(session, number(1), "one", "two")
    for trouble in ("refused", "unknown"):
        session.execute(text("UPDATE outbound_message SET due_at = now()"))
        assert [message.id for message in claim(session)] == [first]
        if trouble == "refused":
            outbox.retry(session, first, timedelta(seconds=10), 20429)
        else:
            outbox.unknown(session, first, timedelta(seconds=5))
        assert claim(session) == []
        session.execute(text("UPDATE outbound_message SET state = 'queued' WHERE state = 'unknown'"))
    outbox.accepted(session, first, "SM1", "queued")
    assert [message.id for message in claim(session)] == [second]


def test_a_phone_switched_off_holds_up_no_later_answer(session: Session) -> None:
    first, second = put(session, number(1), "one", "two")
    claim(session)
    outbox.retry(session, first, timedelta(minutes=30), 30003)
    assert [message.id for message in claim(session)] == [second]


def test_a_word_to_somebody_in_danger_overtakes_their_waiting_reply(session: Session) -> None:
    put(session, number(1), "a list of services")
    [urgent] = put(session, number(1), "are you safe", lane=Lane.PROTECTION)
    assert [message.id for message in claim(session, lanes=[Lane.PROTECTION])] == [urgent]


def test_whatsapp_s_window_is_kept(session: Session) -> None:
    late, never, fresh = (put(session, number(n), "bonjou", channel="whatsapp")[0] for n in (1, 2, 3))
    for id_, hours in ((late, 25), (fresh, 23)):
        session.execute(
            text(
                "UPDATE conversation SET last_inbound_at = now() - make_interval(hours => :h) WHERE id = "
                "(SELECT conversation_id FROM outbound_message WHERE id = :id)"
            ),
            {"h": hours, "id": id_},
        )
    taken = outbox.claim_due(session, "whatsapp", limit=9, hold=HOLD, rate=PLENTY, window=timedelta(hours=24))
    assert {message.id for message in taken} == {never, fresh}
    assert (_row(session, late).state, _row(session, late).error_code) == ("failed", 63016)


def test_what_could_not_leave_for_half_a_day_is_given_up(session: Session) -> None:
    [old], [urgent], [fresh] = (
        put(session, number(1), "old"),
        put(session, number(2), "danger", lane=Lane.PROTECTION),
        put(session, number(3), "new"),
    )
    session.execute(
        text("UPDATE outbound_message SET created_at = now() - interval '13 h' WHERE id != :id"), {"id": fresh}
    )
    assert outbox.give_up(session, timedelta(hours=12)) == 1
    assert (_row(session, old).state, _row(session, old).reason) == ("failed", "too late")
    assert {message.id for message in claim(session)} == {urgent, fresh}


def test_what_was_held_leaves_with_an_opt_in(session: Session) -> None:
    [held] = put(session, number(1), "bonjou")
    address = session.scalars(select(Address)).one()
    optout.record(session, address, "out", "asked")
    session.execute(text("UPDATE outbound_message SET state = 'held'"))
    assert claim(session) == []
    optout.record(session, address, "in", "asked")
    assert [message.id for message in claim(session)] == [held]


def test_a_sender_that_stood_still_past_its_claim_is_believed(session: Session, message: uuid.UUID) -> None:
    """Put back after a look-up in vain, then the first sender's answer comes: it is not sent again."""
    claim(session)
    outbox.unknown(session, message, NONE)
    outbox.retry(session, message, NONE, 0)
    outbox.accepted(session, message, "SM1", "queued")
    assert claim(session) == []
    assert _row(session, message).state == "accepted"


def test_an_answer_for_a_try_that_has_failed_since_changes_nothing(session: Session, message: uuid.UUID) -> None:
    claim(session)
    outbox.accepted(session, message, "SM1", "queued")
    outbox.report(session, message, "failed", external_id="SM1", code=30003)
    sender.delivery_failed(session, message, 30003, RULES)
    outbox.accepted(session, message, "SM1", "queued")
    assert _row(session, message).state == "queued"
