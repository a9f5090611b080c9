"""Engines look four times a second, mostly for nothing: such a look is a cheap statement that locks nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from base.db import transaction
from oncall import engine, pages, staff
from tests.oncall.conftest import BEATEN, MANY, MONDAY, World


@pytest.fixture
def said(own_engine: Engine) -> Iterator[list[str]]:
    """Every statement sent to the database."""
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(own_engine, "before_cursor_execute", note)
    yield statements
    event.remove(own_engine, "before_cursor_execute", note)


def looks(world: World) -> list[Callable[[], int]]:
    return [
        lambda: engine.tick(world.sessions, world.policy, now=world.now),
        world.paged.send_due,
    ]


def test_a_look_for_nothing_is_one_statement(world: World, said: list[str]) -> None:
    for look in looks(world):
        said.clear()
        assert look() == 0
        assert len(said) == 1
        assert "FOR UPDATE" not in said[0].upper()


def test_what_is_due_later_is_not_touched_and_leaves_in_its_moment(world: World, said: list[str]) -> None:
    """A page tried again later, a claim that runs, a case whose clocks run: looked at, left; at its moment done."""
    world.crew()
    world.write(BEATEN)
    assert [look() for look in looks(world)] == [1, 1]
    with transaction(world.sessions) as session:
        later = MONDAY + timedelta(seconds=5)
        pages.write(session, [staff.get(session, world.people["Bea"])], "test", later, code="1234")
        assert pages.first_due(session) == later
    for seconds, begun in ((4.9, 0), (5, 1), (6, 0)):
        world.at = MONDAY + timedelta(seconds=seconds)
        assert [look() for look in looks(world)] == [0, begun]
    said.clear()
    assert [look() for look in looks(world)] == [0, 0]
    assert not [one for one in said if "FOR UPDATE" in one.upper()]


def test_a_round_over_many_cases_looks_once_for_the_first_that_is_due(world: World, said: list[str]) -> None:
    world.crew()
    for number in range(3):
        world.write(BEATEN, phone=MANY[number])
    said.clear()
    assert looks(world)[0]() == 3
    assert len([one for one in said if "min(due_at)" in one]) == 1
