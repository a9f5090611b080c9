"""A person sets how bad a case is: who may, what it needs, and where the clocks stand afterwards."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from base.db import transaction
from base.errors import InvalidInput, Refused
from oncall import checklist, looking, severity
from oncall.models import CaseEvent, ChecklistStep, Staff
from tests.oncall.conftest import BEATEN, KNIFE, MANY, World, minutes


def change(world: World, case_id: uuid.UUID, name: str, to: str, reason: str = "") -> str:
    with transaction(world.sessions) as session:
        return severity.change(session, case_id, world.people[name], to, world.at, reason=reason)


def lowered(world: World, case_id: uuid.UUID) -> list[CaseEvent]:
    with world.sessions() as session:
        mine = (CaseEvent.case_id == case_id, CaseEvent.kind == "lowered")
        return list(session.scalars(select(CaseEvent).where(*mine)))


def test_the_clock_of_the_answer_follows_up_and_down(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("acknowledge", "Ada", case)
    taken = world.at
    assert world.case(case).reply_due_at == taken + minutes(15)
    world.at += minutes(5)
    assert change(world, case, "Ada", "high", "He was arrested.") == "lowered"
    assert world.case(case).reply_due_at == taken + minutes(60), "from when it was taken, by the rules of high"
    assert change(world, case, "Ada", "critical") == "raised"
    assert world.case(case).reply_due_at == taken + minutes(15)


def test_the_clock_of_the_next_contact_and_of_closing_follow(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("contacted", "Ada", case)
    began = world.at
    before = world.case(case)
    assert before.contact_due_at == began + timedelta(hours=4)
    change(world, case, "Ada", "high", "calmer")
    after = world.case(case)
    assert after.contact_due_at == began + timedelta(hours=24)
    assert before.close_due_at
    assert after.close_due_at
    assert after.close_due_at > before.close_due_at


def test_a_case_that_nobody_has_is_paged_at_once_when_it_is_worse(world: World) -> None:
    world.crew()
    case = world.write(BEATEN)
    world.turn()
    world.at += minutes(5)
    change(world, case, "Cyr", "critical")
    world.turn()
    assert (5.0, "Ada") in world.texts(world.at - minutes(5))


def test_and_is_not_forgotten_when_it_is_less_bad(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    began = world.at
    world.at += minutes(1)
    change(world, case, "Cyr", "high", "A child's joke, says the mother.")
    assert world.case(case).page_due_at == began + minutes(15)
    world.run(began + minutes(16))
    assert (15.0, "Bea") in world.texts(began)


def test_lowering_needs_a_reason_which_stands_in_the_log(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("acknowledge", "Ada", case)
    for reason in ("", "  \n"):
        with pytest.raises(InvalidInput, match="why"):
            change(world, case, "Ada", "standard", reason)
    for to in ("critical", "terrible"):
        with pytest.raises(InvalidInput):
            change(world, case, "Ada", to, "x")
    assert lowered(world, case) == []
    change(world, case, "Ada", "standard", " She is abroad. ")
    (noted,) = lowered(world, case)
    assert (noted.staff_id, noted.severity) == (world.people["Ada"], "critical")
    assert noted.detail == {"to": "standard", "reason": "She is abroad."}


def test_only_who_has_it_or_a_supervisor(world: World) -> None:
    world.crew()
    case = world.write(BEATEN)
    world.turn()
    world.do("acknowledge", "Ada", case)
    with pytest.raises(Refused):
        change(world, case, "Bea", "standard", "x")
    assert change(world, case, "Cyr", "standard", "x") == "lowered"
    world.do("close", "Ada", case, "resolved")
    with pytest.raises(Refused, match="closed"):
        change(world, case, "Cyr", "critical")


def test_closing_goes_by_the_worst_it_was(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    world.turn()
    world.do("acknowledge", "Ada", case)
    change(world, case, "Ada", "standard", "x")
    assert world.do("close", "Ada", case, "resolved").kind == "closing"
    other = world.write(BEATEN, phone=MANY[1])
    world.turn()
    world.do("acknowledge", "Ada", other)
    change(world, other, "Ada", "standard", "x")
    assert world.do("close", "Ada", other, "resolved").kind == "closed"


def test_what_the_procedure_still_asks_for_is_due_by_the_new_severity(world: World) -> None:
    world.crew()
    case = world.write(KNIFE)
    with transaction(world.sessions) as session:
        checklist.attach(session, session.get_one(type(world.case(case)), case), world.at)
    world.turn()
    world.do("acknowledge", "Ada", case)
    first, second = due(world, case)[:2]
    with transaction(world.sessions) as session:
        checklist.answer(session, first.id, world.people["Ada"], "done", world.at)
    change(world, case, "Ada", "standard", "x")
    again = {step.id: step for step in due(world, case)}
    assert again[first.id].due_at == first.due_at, "what was done keeps its time"
    assert again[second.id].due_at == second.begun_at + timedelta(seconds=second.within["standard"])
    assert again[second.id].due_at > second.due_at


def due(world: World, case_id: uuid.UUID) -> list[ChecklistStep]:
    with world.sessions() as session:
        return list(checklist.steps(session, case_id))


def test_a_closed_case_keeps_its_outcome_when_closing_is_refused_late(world: World) -> None:
    world.crew()
    world.hire("Eve", role="supervisor")
    case = world.write(KNIFE)
    world.turn()
    world.do("acknowledge", "Ada", case)
    world.do("close", "Ada", case, "resolved")
    world.do("approve_close", "Cyr", case)
    assert world.do("refuse_close", "Eve", case).kind == "closed"
    assert world.case(case).outcome == "resolved"


def test_who_finds_a_case_by_its_code(world: World) -> None:
    world.crew()
    world.hire("Eve", role="analyst")
    case = world.write(BEATEN)
    code = world.case(case).code
    assert found(world, code, "Bea") == case
    assert found(world, code, "Eve") is None
    world.do("acknowledge", "Ada", case)
    world.do("close", "Ada", case, "resolved")
    assert [found(world, code, name) for name in ("Ada", "Bea", "Cyr")] == [case, None, case]


def found(world: World, code: str, name: str) -> uuid.UUID | None:
    with world.sessions() as session:
        case = looking.find(session, code, session.get_one(Staff, world.people[name]))
        return case.id if case else None
