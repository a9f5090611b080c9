"""The watch over the watch: alarms, the daily test page, what stops the ping."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from base.db import transaction
from base.heartbeat import Heartbeat, beat
from messaging import inbox, optout
from messaging.inbound import Inbound
from messaging.models import Address, InboundMessage
from oncall import alarms, answers, pages, watch
from oncall.models import Case, Page
from oncall.staff import active
from tests.oncall.conftest import KNIFE, MONDAY, World, minutes

DAY = timedelta(days=1)


def look(world: World) -> list[str]:
    """One minute's watch; the faults."""
    with transaction(world.sessions) as session:
        faults = watch.minute(session, world.config, world.at)
    assert faults is not None
    return faults


@pytest.fixture
def calm(world: World) -> World:
    """Everybody in place, phones confirmed a week ago and tested, all three languages spoken."""
    world.at = MONDAY - 7 * DAY
    world.crew()
    world.at = MONDAY
    with transaction(world.sessions) as session:
        beat(session, "engine", "ok")
    return world


def sent(world: World, kind: str) -> list[tuple[float, str]]:
    while world.paged.send_due():
        pass
    return sorted((at, who) for at, who, _, sort in world.pages(MONDAY) if sort == kind)


def answer(world: World, name: str, text: str) -> answers.Answered | None:
    with transaction(world.sessions) as session:
        who = answers.sender(session, "sms", PHONE[name], simulated=False)
        asked = answers.command(text)
        assert who
        assert asked
        return answers.answer(session, who, asked, world.at)


PHONE = {"Ada": "+17675550111", "Bea": "+17675550112"}


def code_of_test(world: World, name: str) -> str:
    with world.sessions() as session:
        query = select(Page.code).where(Page.kind == "test", Page.staff_id == world.people[name])
        return session.scalars(query.order_by(Page.position.desc())).first() or ""


def test_all_is_well(calm: World) -> None:
    assert look(calm) == []


def test_the_daily_test_page_and_its_answer(calm: World) -> None:
    """10:00 is after 09:00: each phone on duty gets one today, and no second one."""
    for _ in range(3):
        look(calm)
        calm.at += minutes(5)
    assert sent(calm, "test") == [(15.0, "Ada"), (15.0, "Bea")]
    told = answer(calm, "Ada", f"a {code_of_test(calm, 'Ada')}")
    assert told
    assert told.tested
    calm.at = MONDAY + minutes(31)
    assert look(calm) == ["alarm untested"]
    assert sent(calm, "alarm") == [(31.0, "Cyr")]
    look(calm)
    answer(calm, "Bea", f"A {code_of_test(calm, 'Bea')}")
    assert look(calm) == []
    assert sent(calm, "alarm") == [(31.0, "Cyr")]


def test_the_next_day_it_is_sent_again(calm: World) -> None:
    look(calm)
    answer(calm, "Ada", f"A {code_of_test(calm, 'Ada')}")
    answer(calm, "Bea", f"A {code_of_test(calm, 'Bea')}")
    calm.at = datetime(2026, 11, 24, 12, 59, tzinfo=MONDAY.tzinfo)  # 08:59
    look(calm)
    assert len(sent(calm, "test")) == 2
    calm.at += minutes(1)
    look(calm)
    assert len(sent(calm, "test")) == 4


def test_a_phone_confirmed_today_needs_no_test_today(world: World) -> None:
    world.crew()
    look(world)
    assert sent(world, "test") == []


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_an_officer_who_texts_stop_raises_an_alarm(calm: World, channel: str) -> None:
    with transaction(calm.sessions) as session:
        inbox.receive(session, Inbound("test", "SMx", channel, PHONE["Ada"], "STOP"))
        address = session.scalars(select(Address)).one()
        optout.record(session, address, "out", "asked")
    assert look(calm) == ["alarm opted_out"]
    assert sent(calm, "alarm") == [(0.0, "Cyr")]
    with transaction(calm.sessions) as session:
        optout.record(session, session.scalars(select(Address)).one(), "in", "asked")
    assert look(calm) == []


def test_a_texter_who_texts_stop_raises_none(calm: World) -> None:
    with transaction(calm.sessions) as session:
        inbox.receive(session, Inbound("test", "SMx", "sms", "+17675550150", "STOP"))
        optout.record(session, session.scalars(select(Address)).one(), "out", "asked")
    assert look(calm) == []


def test_a_clock_that_nobody_acts_on(calm: World) -> None:
    """No engine runs: two minutes later it is an alarm, and it is over when one runs."""
    calm.write(KNIFE)
    calm.at += minutes(1)
    assert look(calm) == []
    calm.at += minutes(2)
    assert look(calm) == ["alarm late_engine"]
    calm.turn()
    assert look(calm) == []


def test_a_message_that_nobody_reads(calm: World) -> None:
    with transaction(calm.sessions) as session:
        inbox.receive(session, Inbound("test", "SMx", "sms", "+17675550150", "hello"))
        session.execute(update(InboundMessage).values(received_at=MONDAY))
    calm.at += minutes(3)
    assert look(calm) == ["messages wait"]


def test_a_page_that_does_not_leave(calm: World) -> None:
    with transaction(calm.sessions) as session:
        pages.write(session, active(session, "supervisor"), "alarm", MONDAY)
    calm.at += minutes(3)
    assert "alarm unsent" in look(calm)


def test_a_silent_part(calm: World) -> None:
    with transaction(calm.sessions) as session:
        session.execute(update(Heartbeat).values(at=func.now() - timedelta(minutes=2)))
    assert look(calm) == ["engine is silent"]


def test_nobody_on_duty_stops_the_ping(world: World) -> None:
    assert look(world) == ["nobody on duty"]


def test_gaps_weeks_ahead_are_told_and_do_not_stop_the_ping(calm: World) -> None:
    assert look(calm) == []
    with calm.sessions() as session:
        assert set(alarms.open_subjects(session, "gap")) == {"language 1 ht"}


def test_one_watch_at_a_time(calm: World) -> None:
    with transaction(calm.sessions) as one, transaction(calm.sessions) as other:
        assert watch.minute(one, calm.config, calm.at) is not None
        assert watch.minute(other, calm.config, calm.at) is None


def test_a_lost_clock_is_found(calm: World) -> None:
    """Were the database's own rule taken away, the audit would still see it."""
    calm.write(KNIFE)
    with calm.sessions() as session, session.begin() as around:
        connection = session.connection()
        connection.exec_driver_sql('ALTER TABLE "case" DROP CONSTRAINT ck_case_open_has_due')
        session.execute(update(Case).values(page_due_at=None))
        watch.audit(session, calm.at)
        assert alarms.counts(session)["no_due"] == 1
        around.rollback()
