"""Escalation on a clock under the test's control: each page at its second, and none besides."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from base.db import transaction
from base.errors import SendError
from oncall import engine, pages, staff
from oncall.figures import figures
from oncall.models import Page
from tests.oncall.conftest import BEATEN, KNIFE, MANY, MONDAY, NIGHT, REFUSED, World, minutes
from tests.service import wait_until

CREW = ["Ada", "Bea", "Cyr", "Dan"]


def test_a_week_of_a_critical_case_that_nobody_takes(world: World) -> None:
    """5, 5, 10, then everybody every 15 minutes, for a whole week; a text and a call each time."""
    world.crew()
    case = world.write(KNIFE)
    world.run(MONDAY + timedelta(days=7))
    expected = [(0.0, "Ada"), (5.0, "Bea"), (10.0, "Cyr")]
    at = 20.0
    while at <= 7 * 24 * 60:
        expected += [(at, who) for who in CREW]
        at += 15
    assert world.texts(MONDAY) == expected
    calls = sorted((at, who) for at, who, way, kind in world.pages(MONDAY) if way == "voice")
    assert calls == expected
    assert {kind for *_, kind in world.pages(MONDAY)} == {"case"}
    assert world.case(case).state == "paged"


def test_a_high_one_by_day_and_by_night(world: World) -> None:
    world.crew()
    world.write(BEATEN)
    world.run(MONDAY + minutes(59))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (15.0, "Bea"), (30.0, "Cyr")]
    assert not [page for page in world.pages(MONDAY) if page[2] == "voice"]


def test_a_high_one_by_night(world: World) -> None:
    world.crew()
    world.at = NIGHT
    world.write(BEATEN)
    world.run(NIGHT + minutes(121))
    assert world.texts(NIGHT) == [(0.0, "Ada"), (30.0, "Bea"), (60.0, "Cyr"), *((120.0, who) for who in CREW)]


def test_a_standard_one_waits_for_the_morning(world: World) -> None:
    """Monday 23:00; the office opens on Tuesday at 08:00, nine hours later. Nobody is woken the night after."""
    world.crew()
    world.at = NIGHT
    world.write(REFUSED)
    world.run(NIGHT + timedelta(hours=34))
    hours = [(at / 60, who) for at, who in world.texts(NIGHT)]
    # 08:00 Ada, 10:00 Bea, 12:00 Cyr, 16:00 is closed already: everybody on Wednesday at 08:00
    assert hours == [(9.0, "Ada"), (11.0, "Bea"), (13.0, "Cyr"), *((33.0, who) for who in CREW)]


def test_an_empty_level_is_passed_at_once_with_an_alarm(world: World) -> None:
    world.hire("Ada", "Dan")
    world.hire("Cyr", role="supervisor")
    world.shift("Ada", 1)
    world.write(KNIFE)
    world.run(MONDAY + minutes(6))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (5.0, "Cyr")]
    assert [(at, who, kind) for at, who, way, kind in world.pages(MONDAY) if kind == "alarm"] == [(5.0, "Cyr", "alarm")]


def test_nobody_at_all_is_looked_for_every_minute(world: World) -> None:
    case = world.write(KNIFE)
    world.run(MONDAY + minutes(3.5))
    assert world.pages(MONDAY) == []
    assert world.case(case).due_at == MONDAY + minutes(4)
    world.hire("Dan")
    world.run(MONDAY + minutes(5))
    assert world.texts(MONDAY) == [(4.0, "Dan")]


def test_an_officer_without_a_confirmed_phone_is_as_nobody(world: World) -> None:
    world.hire("Ada", verified=False)
    world.hire("Cyr", role="supervisor")
    world.write(KNIFE)
    world.turn()
    assert world.texts(MONDAY) == [(0.0, "Cyr")]


def test_taking_it_ends_the_paging(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.run(MONDAY + minutes(6))
    assert world.do("acknowledge", "Bea", case).kind == "taken"
    assert world.do("contacted", "Bea", case).kind == "engaged"
    world.run(MONDAY + minutes(240))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (5.0, "Bea")]
    found = world.case(case)
    assert (found.state, found.owner_id) == ("engaged", world.people["Bea"])
    assert found.due_at == MONDAY + minutes(6) + timedelta(hours=4)


def test_taken_and_not_answered_is_paged_again(world: World) -> None:
    """15 minutes after taking it the next level is paged, and whoever had it is told."""
    world.crew()
    case = world.write(KNIFE)
    world.run(MONDAY + minutes(2))
    world.do("acknowledge", "Ada", case)
    world.run(MONDAY + minutes(17))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (17.0, "Bea")]
    assert (17.0, "Ada", "sms", "reopened") in world.pages(MONDAY)
    assert world.case(case).owner_id is None


def test_no_contact_in_time_is_told_to_the_owner_then_to_the_supervisors(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("contacted", "Ada", case)
    world.run(MONDAY + timedelta(hours=5))
    late = sorted((at, who) for at, who, _, kind in world.pages(MONDAY) if kind == "late")
    assert late == [(240.0, "Ada"), (270.0, "Ada"), (270.0, "Cyr"), (300.0, "Ada"), (300.0, "Cyr")]
    world.do("contacted", "Ada", case)
    assert world.case(case).due_at == MONDAY + timedelta(hours=9)


def test_news_is_told_once_until_the_owner_has_acted(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("contacted", "Ada", case)
    for _ in range(3):
        world.at += minutes(1)
        world.write(None)
        world.turn()
    assert [at for at, _, _, kind in world.pages(MONDAY) if kind == "news"] == [1.0]
    world.at += minutes(1)
    world.do("contacted", "Ada", case)
    world.at += minutes(1)
    world.write(None)
    world.turn()
    assert [at for at, _, _, kind in world.pages(MONDAY) if kind == "news"] == [1.0, 5.0]


def test_a_worse_message_is_paged_at_once(world: World) -> None:
    world.crew()
    world.write(BEATEN)
    world.run(MONDAY + minutes(3))
    world.write(KNIFE)
    world.run(MONDAY + minutes(9))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (3.0, "Ada"), (8.0, "Bea")]


def test_passing_on_pages_the_next_level_now_and_an_old_pass_skips_nobody(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.run(MONDAY + minutes(1))
    assert world.do("pass_on", "Ada", case, round=1).kind == "passed"
    world.turn()
    assert world.do("pass_on", "Ada", case, round=1).kind == "late"
    world.run(MONDAY + minutes(6))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (1.0, "Bea"), (6.0, "Cyr")]


def test_passing_on_to_a_person(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("contacted", "Ada", case)
    world.do("pass_on", "Ada", case, to=world.people["Dan"])
    world.run(MONDAY + minutes(5))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (0.0, "Dan"), (5.0, "Bea")]


def test_a_policy_edited_meanwhile_changes_no_running_case(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    slow = {"acknowledge": (minutes(50),) * 4, "acknowledge_off_hours": (minutes(50),) * 4}
    rules = {name: rule.model_copy(update=slow) for name, rule in world.policy.rules.items()}
    world.policy = type(world.policy)(world.policy.office_hours, world.policy.nobody_again, rules)
    world.run(MONDAY + minutes(11))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (5.0, "Bea"), (10.0, "Cyr")]
    world.write(KNIFE, phone="+17675550151")
    world.run(MONDAY + minutes(20))
    assert world.case(case).level == 4


def test_a_shift_that_changes_in_the_middle(world: World) -> None:
    world.hire("Ada", "Bea", "Dan")
    world.hire("Cyr", role="supervisor")
    world.shift("Ada", 1)
    world.shift("Bea", 2, days=3 / 24 / 60)  # three minutes
    with_dan = world.at
    world.at = MONDAY + minutes(3)
    world.shift("Dan", 2)
    world.at = with_dan
    world.write(KNIFE)
    world.run(MONDAY + minutes(6))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (5.0, "Dan")]


def test_twilio_refuses_everything_for_ten_minutes(world: World) -> None:
    """The clocks go on; when it can, one page to each who has been paged leaves, and no stale second one."""
    world.crew()
    world.write(KNIFE)
    world.carrier.refuses = SendError("away", code=20500, status=503)
    world.run(MONDAY + minutes(10) - timedelta(seconds=1))
    assert world.pages(MONDAY) == []
    world.carrier.refuses = None
    world.run(MONDAY + minutes(11))
    assert {who for _, who in world.texts(MONDAY)} == {"Ada", "Bea", "Cyr"}
    assert len(world.texts(MONDAY)) == 3
    assert max(at for at, _ in world.texts(MONDAY)) <= 10.5
    with world.sessions() as session:
        told = figures(session)
    assert told["pages_tried_again"] > 10
    assert (told["pages_waiting"], told["pages_failed"]) == (0, 0)


@pytest.mark.parametrize("code", [21211, 21610, 30005])
def test_a_phone_that_cannot_be_reached_is_passed_at_once(world: World, code: int) -> None:
    """Every way to Ada fails for good: no five minutes are lost."""
    world.crew()
    case = world.write(KNIFE)
    world.carrier.refuses = SendError("never", code=code, status=400)
    world.paged.send_due()
    engine.tick(world.sessions, world.policy, now=world.now)
    while world.paged.send_due():
        pass
    world.carrier.refuses = None
    world.turn()
    assert world.texts(MONDAY) == [(0.0, "Bea")]
    assert world.case(case).level == 2


def test_another_way_is_used_when_one_fails(world: World) -> None:
    world.hire("Ada", page_by=("whatsapp", "sms"))
    world.shift("Ada", 1)
    world.write(BEATEN)
    engine.tick(world.sessions, world.policy, now=world.now)
    world.carrier.refuses = SendError("no template", code=63016, status=400)
    world.paged.send_due()
    world.carrier.refuses = None
    world.turn()
    assert world.pages(MONDAY) == [(0.0, "Ada", "sms", "case")]


@pytest.mark.parametrize("left", [False, True])
def test_a_sender_that_died_and_a_case_that_was_taken_meanwhile(world: World, left: bool) -> None:
    """The page's claim ends after the case was taken: it is not sent again, whether it had left or not."""
    world.crew()
    case = world.write(BEATEN)
    engine.tick(world.sessions, world.policy, now=world.now)
    with transaction(world.sessions) as session:
        claimed = pages.claim(session, world.at, hold=world.config.claim)
    if left:
        world.carrier.send(claimed[0])
    world.do("acknowledge", "Bea", case)
    world.at = MONDAY + minutes(1)
    for _ in range(2):
        world.turn()
    assert world.texts(MONDAY) == ([(0.0, "Ada")] if left else [])


def test_a_page_that_waits_for_the_carrier_is_cancelled_by_taking_the_case(world: World) -> None:
    world.crew()
    case = world.write(BEATEN)
    world.carrier.refuses = SendError("away", code=20500, status=503)
    world.turn()
    world.do("acknowledge", "Bea", case)
    with world.sessions() as session:
        assert session.scalars(select(Page.state)).all() == ["cancelled"]
    world.carrier.refuses = None
    world.at = MONDAY + minutes(1)
    world.turn()
    assert world.pages(MONDAY) == []


def test_a_sender_that_died_is_made_good_while_the_case_is_nobody_s(world: World) -> None:
    """Twenty seconds later the page leaves (again): at least once, not at most once."""
    world.crew()
    world.write(BEATEN)
    engine.tick(world.sessions, world.policy, now=world.now)
    with transaction(world.sessions) as session:
        pages.claim(session, world.at, hold=world.config.claim)
    world.at = MONDAY + timedelta(seconds=19)
    world.turn()
    assert world.pages(MONDAY) == []
    world.at = MONDAY + timedelta(seconds=21)
    world.turn()
    assert world.texts(MONDAY) == [(0.35, "Ada")]


def test_two_engines_page_once(world: World) -> None:
    world.crew()
    for number in range(6):
        world.write(BEATEN, phone=MANY[number])
    both = [threading.Thread(target=world.turn) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(20)
    world.turn()
    assert world.texts(MONDAY) == [(0.0, "Ada")] * 6


def test_a_carrier_that_hangs_on_one_phone_keeps_no_other_waiting(world: World) -> None:
    """Ada's page hangs; Bea's leaves meanwhile."""
    world.hire("Ada", "Bea")
    world.shift("Ada", 1)
    world.write(BEATEN)
    engine.tick(world.sessions, world.policy, now=world.now)
    hangs = world.carrier.hangs = threading.Event()
    try:
        assert world.paged.send_due(wait=False) == 1
        assert world.carrier.asked.wait(10)
        with transaction(world.sessions) as session:
            pages.write(session, [staff.get(session, world.people["Bea"])], "test", world.at, code="1234")
        world.carrier.hangs = None
        assert world.paged.send_due(wait=False) == 1
        assert world.carrier.arrived.wait(10)
        assert [who for _, who, *_ in world.pages(MONDAY)] == ["Bea"]
    finally:
        hangs.set()
    wait_until(lambda: {who for _, who, *_ in world.pages(MONDAY)} == {"Ada", "Bea"}, "Ada's page leaves as well")
