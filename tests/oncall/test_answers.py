"""Answering a page by text."""

import pytest

from base.db import transaction
from oncall import answers
from oncall.answers import Command
from tests.oncall.conftest import BEATEN, KNIFE, MANY, MONDAY, PHONES, World, minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A 4821", Command("A", "4821")),
        ("a4821", Command("A", "4821")),
        (" A: 4821. ", Command("A", "4821")),
        ("'A 4821'", Command("A", "4821")),
        ("p 482190", Command("P", "482190")),
        ("? 4821", Command("?", "4821")),
        ("?4821", Command("?", "4821")),
        ("A", Command("A", "")),
        ("", None),
        (None, None),
        ("A 482", None),
        ("A 4821 please", None),
        ("I need a doctor", None),
        ("4821", None),
        ("B 4821", None),
        ("A 4821 A 4822", None),
    ],
)
def test_what_is_a_command(text: str | None, expected: Command | None) -> None:
    assert answers.command(text) == expected


@pytest.mark.parametrize(
    ("channel", "phone", "simulated", "known"),
    [
        ("sms", "Ada", False, True),
        ("whatsapp", "Ada", False, True),
        ("gateway", "Ada", False, True),
        ("sim_sms", "Ada", True, True),
        ("sim_sms", "Ada", False, False),  # anybody can type an officer's number in a browser
        ("sms", "Eve", False, False),  # not confirmed
        ("sms", "+17675550150", False, False),
    ],
)
def test_who_may_command(world: World, channel: str, phone: str, simulated: bool, known: bool) -> None:
    world.hire("Ada")
    world.hire("Eve", verified=False)
    with world.sessions() as session:
        found = answers.sender(session, channel, PHONES.get(phone, phone), simulated=simulated)
    assert (found is not None) is known


def say(world: World, name: str, text: str) -> str:
    """What an officer's text leads to: the kind of the answer."""
    with transaction(world.sessions) as session:
        who, asked = answers.sender(session, "sms", PHONES[name], simulated=False), answers.command(text)
        assert who
        assert asked
        told = answers.answer(session, who, asked, world.at)
        if told is None:
            return "ordinary"
        return told.answer.kind if told.answer else "tested"


def code(world: World) -> str:
    with world.sessions() as session:
        return str(session.connection().exec_driver_sql('SELECT code FROM "case" ORDER BY opened_at LIMIT 1').scalar())


def test_take_ask_and_be_late(world: World) -> None:
    world.crew()
    world.write(KNIFE)
    world.turn()
    number = code(world)
    assert say(world, "Bea", f"? {number}") == "free"
    assert say(world, "Ada", f"A {number}") == "taken"
    assert say(world, "Ada", f"A {number}") == "yours"
    assert say(world, "Bea", f"A {number}") == "held"
    assert say(world, "Bea", f"P {number}") == "held"
    assert say(world, "Bea", f"? {number}") == "held"
    assert say(world, "Bea", "A 0000") == "unknown"


def test_a_late_pass_skips_nobody(world: World) -> None:
    world.crew()
    world.write(KNIFE)
    world.run(MONDAY + minutes(5))
    assert say(world, "Ada", f"P {code(world)}") == "late"
    assert say(world, "Dan", f"P {code(world)}") == "late"  # he was not paged at all
    assert say(world, "Bea", f"P {code(world)}") == "passed"
    world.turn()
    assert world.texts(MONDAY) == [(0.0, "Ada"), (5.0, "Bea"), (5.0, "Cyr")]


def test_a_letter_alone_means_the_one_page_that_is_open(world: World) -> None:
    world.crew()
    assert say(world, "Ada", "A") == "ordinary"
    world.write(BEATEN)
    world.turn()
    assert say(world, "Ada", "A") == "taken"
    assert say(world, "Ada", "A") == "ordinary"
    for number in (1, 2):
        world.write(BEATEN, phone=MANY[number])
    world.turn()
    assert say(world, "Ada", "A") == "ordinary"  # which of the two?


def test_a_code_that_is_used_again_means_the_page_that_was_sent(world: World) -> None:
    """Ada's late answer to a case that is closed does not take another one that has the code by now."""
    world.crew()
    case = world.write(BEATEN)
    world.turn()
    world.do("contacted", "Bea", case)
    world.do("close", "Bea", case, "resolved")
    other = world.write(BEATEN, phone="+17675550161")
    with transaction(world.sessions) as session:
        session.connection().exec_driver_sql(
            'UPDATE "case" SET code = (SELECT code FROM "case" WHERE id = %s) WHERE id = %s', (case, other)
        )
    assert say(world, "Ada", f"A {code(world)}") == "closed"
    assert world.case(other).owner_id is None
