"""Drills: paged and handled like a real case, marked everywhere, in no figure."""

import pytest

from base.db import transaction
from base.errors import Refused
from oncall import answers, cases, drills
from oncall.figures import figures
from oncall.models import Case
from tests.oncall.conftest import KNIFE, MONDAY, World, minutes


def begin(world: World, name: str = "husband_with_cutlass") -> Case:
    with transaction(world.sessions) as session:
        return drills.start(session, name, world.at)


@pytest.mark.parametrize("name", sorted(drills.scenarios()))
def test_every_scenario_can_be_started(world: World, name: str) -> None:
    case = begin(world, name)
    assert case.drill
    assert case.severity == drills.scenarios()[name].severity


def test_a_drill_pages_and_is_reported(world: World) -> None:
    world.crew()
    case = begin(world)
    world.run(MONDAY + minutes(6))
    assert world.texts(MONDAY) == [(0.0, "Ada"), (5.0, "Bea")]
    world.do("acknowledge", "Bea", case.id)
    world.run(MONDAY + minutes(8))
    world.do("contacted", "Bea", case.id)
    with transaction(world.sessions) as session:
        (result,) = drills.report(session, MONDAY)
        drills.stop(session, case.id, world.at)
        (after,) = drills.report(session, MONDAY)
    assert (result.taken_by, result.taken, result.engaged, result.level) == ("Bea", minutes(6), minutes(8), 2)
    assert (result.closed, after.closed) == (None, minutes(8))
    assert result.pages == 4  # two texts, two calls


def test_how_each_person_did(world: World) -> None:
    world.crew()
    case = begin(world)
    world.run(MONDAY + minutes(6))
    with transaction(world.sessions) as session:
        who = answers.sender(session, "sms", "+17675550112", simulated=False)
        asked = answers.command(f"A {case.code}")
        assert who
        assert asked
        answers.answer(session, who, asked, world.at)
    with world.sessions() as session:
        people = drills.people(session, MONDAY)
    assert [(one.name, one.paged, one.answered, one.middle) for one in people] == [
        ("Ada", 1, 0, None), ("Bea", 1, 1, minutes(1)),
    ]  # fmt: skip


def test_a_drill_is_in_no_figure(world: World) -> None:
    world.crew()
    begin(world)
    world.turn()
    with world.sessions() as session:
        found = figures(session)
        assert cases.counts(session) == {}
        assert cases.counts(session, drill=True) == {"paged": 1}
    assert {name: value for name, value in found.items() if value} == {"drills_open": 1.0}


def test_a_real_case_is_not_stopped_as_a_drill(world: World) -> None:
    case = world.write(KNIFE)
    with transaction(world.sessions) as session:
        with pytest.raises(Refused):
            drills.stop(session, case, world.at)
        with pytest.raises(Refused):
            drills.start(session, "no such", world.at)
