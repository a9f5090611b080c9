"""A disclosure reaches a person: webhook in, page and call out, the officer's answer back, through real processes."""

import re
import time
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from base.db import database_now, transaction
from oncall import rota, staff
from oncall.models import Case, Page
from tests.fakes.twilio import TwilioDouble
from tests.service import Service, wait_until
from tests.webhooks.caller import Caller

pytestmark = pytest.mark.slow
OFFICER, SUPERVISOR, TEXTER = "+17675550171", "+17675550172", "+17675550173"
CODE = re.compile(r"\b[0-9]{4}\b")


@pytest.fixture
def crew(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    """One officer on call, one supervisor."""
    with transaction(sessions) as session:
        now = database_now(session)
        one = staff.add(session, "Ada", ["officer"], now, phone=OFFICER, verified=True)
        staff.add(session, "Cyr", ["supervisor"], now, phone=SUPERVISOR, verified=True)
        rota.add_shift(session, one.id, 1, now - timedelta(hours=1), now + timedelta(hours=12), now)


def disclosed(double: TwilioDouble, text: str = "mari m ap bat mwen") -> str:
    """Somebody tells; the officer is paged. Returns the case's code."""
    double.send_sms(TEXTER, text)
    double.expect(TEXTER, "999", timeout=5)
    page = double.expect(OFFICER, timeout=5)
    found = CODE.search(page.text)
    assert found
    return found[0]


@pytest.mark.usefixtures("crew")
def test_a_page_leaves_within_seconds_and_tells_nothing(double: TwilioDouble) -> None:
    began = time.monotonic()
    double.send_sms(TEXTER, "mari m ap bat mwen")
    double.expect(TEXTER, "999", timeout=5)
    page = double.expect(OFFICER, timeout=5)
    assert time.monotonic() - began < 5
    code = CODE.search(page.text)
    assert code
    assert page.text.startswith(f"ORANGE {code[0]}. Text A {code[0]} to take it, P {code[0]} to pass it on. http://")
    assert page.text.endswith(f"/c/{code[0]}")
    for secret in (TEXTER, "mari", "violence", "domestic", "bat"):
        assert secret not in page.text
    assert page.status_callback
    assert TEXTER[1:] not in page.status_callback


@pytest.mark.usefixtures("crew")
def test_the_officer_takes_it_by_text(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    code = disclosed(double)
    double.send_sms(OFFICER, f"a {code}")
    double.expect(OFFICER, f"{code} is yours", timeout=5)
    double.send_sms(SUPERVISOR, f"A {code}")
    double.expect(SUPERVISOR, f"Ada has had {code} since", timeout=5)
    double.send_sms(SUPERVISOR, f"? {code}")
    double.expect(SUPERVISOR, f"Ada has had {code} since", timeout=5)
    with sessions() as session:
        case = session.scalars(select(Case)).one()
        assert case.state == "acknowledged"
        assert session.scalars(select(func.count()).select_from(Case)).one() == 1
        assert case.reply_due_at is not None


@pytest.mark.usefixtures("crew")
def test_a_stranger_who_writes_the_same_learns_nothing(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    code = disclosed(double)
    double.send_sms("+17675550174", f"A {code}")
    told = double.expect("+17675550174", timeout=5)
    double.send_sms("+17675550175", "A 0000")
    same = double.expect("+17675550175", timeout=5)
    assert told.text == same.text  # an existing code and one that is none are answered alike
    with sessions() as session:
        assert session.scalars(select(Case.owner_id)).one() is None


@pytest.mark.usefixtures("crew")
def test_a_critical_one_calls_and_key_1_takes_it(
    double: TwilioDouble, service: Service, sessions: sessionmaker[Session]
) -> None:
    code = disclosed(double, "he has a knife and says he will kill me now")
    call = double.expect_call(OFFICER, timeout=5)
    (url,) = call.params["Url"]
    path = url.removeprefix(service.url)
    caller = Caller(service.url, service.url)
    fields = [("CallSid", call.sid), ("To", OFFICER), ("CallStatus", "in-progress")]
    asked = caller.post(fields, path)
    assert asked.status == 200
    assert asked.headers["content-type"].startswith("text/xml")
    spoken = asked.data.decode()
    assert " ".join(code) in spoken
    assert "press 1" in spoken
    taken = caller.post([*fields, ("Digits", "1")], path).data.decode()
    assert "You have it" in taken
    with sessions() as session:
        assert session.scalars(select(Case.state)).one() == "acknowledged"
        assert session.scalars(select(Page.answer).where(Page.answer.is_not(None)).distinct()).all() == ["take"]


@pytest.mark.usefixtures("crew")
def test_a_page_leaves_although_redis_was_flushed(
    double: TwilioDouble, redis_url: str, sessions: sessionmaker[Session]
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        disclosed(double)
        redis.flushall()
    wait_until(lambda: _sent(sessions), "the page is noted as sent", 5)


@pytest.mark.usefixtures("crew")
def test_a_page_leaves_when_twilio_takes_messages_again(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    double.fail(503, 20500, times=2, to=OFFICER)
    double.send_sms(TEXTER, "mari m ap bat mwen")
    double.expect(TEXTER, "999", timeout=5)
    double.expect(OFFICER, "ORANGE", timeout=25)
    with sessions() as session:
        assert session.scalars(select(Page.attempts)).one() == 3


@pytest.mark.usefixtures("crew")
def test_an_engine_that_dies_loses_nothing(
    double: TwilioDouble, service: Service, sessions: sessionmaker[Session]
) -> None:
    service.kill("engine")
    double.send_sms(TEXTER, "mari m ap bat mwen")
    double.expect(TEXTER, "999", timeout=5)
    service.start("engine")
    double.expect(OFFICER, "ORANGE", timeout=15)


def _sent(sessions: sessionmaker[Session]) -> bool:
    with sessions() as session:
        return session.scalars(select(Page.state)).all() == ["sent"]
