"""Closing with approval, merging, consent and referrals, accounts."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from base.db import transaction
from base.errors import InvalidInput, Refused
from directory.models import Service
from messaging.models import Conversation
from oncall import consent, handling, staff
from oncall.cases import open_case
from oncall.models import Case, CaseEvent, Page, Referral
from tests.oncall.conftest import BEATEN, KNIFE, MONDAY, World, minutes


@pytest.fixture
def crewed(world: World) -> World:
    world.crew()
    world.hire("Eve", role="supervisor")
    return world


def kinds(world: World, case_id: uuid.UUID) -> list[str]:
    with world.sessions() as session:
        query = select(CaseEvent.kind).where(CaseEvent.case_id == case_id).order_by(CaseEvent.id)
        return list(session.scalars(query))


def test_a_critical_case_is_closed_by_two(crewed: World) -> None:
    case = crewed.write(KNIFE)
    crewed.turn()
    crewed.do("contacted", "Ada", case)
    assert crewed.do("close", "Ada", case, "resolved").kind == "closing"
    assert crewed.do("approve_close", "Ada", case).kind == "may_not"
    assert crewed.do("approve_close", "Dan", case).kind == "may_not"
    crewed.turn()
    assert {(who, kind) for _, who, _, kind in crewed.pages(MONDAY) if kind == "approve"} == {
        ("Cyr", "approve"), ("Eve", "approve"),
    }  # fmt: skip
    assert crewed.case(case).closed_at is None
    assert crewed.do("approve_close", "Cyr", case).kind == "closed"
    found = crewed.case(case)
    assert (found.state, found.outcome, found.due_at, found.closed_at) == ("closed", "resolved", None, MONDAY)
    assert kinds(crewed, case)[-2:] == ["closing", "closed"]


def test_a_supervisor_who_has_it_needs_another_one(crewed: World) -> None:
    case = crewed.write(KNIFE)
    crewed.turn()
    crewed.do("contacted", "Cyr", case)
    assert crewed.do("close", "Cyr", case, "resolved").kind == "closing"
    assert crewed.do("approve_close", "Cyr", case).kind == "may_not"
    assert crewed.do("refuse_close", "Eve", case).kind == "held"
    assert crewed.case(case).outcome is None
    crewed.do("close", "Cyr", case, "police")
    assert crewed.do("approve_close", "Eve", case).kind == "closed"


def test_a_case_that_waits_for_approval_keeps_its_clocks(crewed: World) -> None:
    case = crewed.write(KNIFE)
    crewed.turn()
    crewed.do("contacted", "Ada", case)
    crewed.do("close", "Ada", case, "resolved")
    assert crewed.case(case).due_at == MONDAY + timedelta(hours=4)


def test_a_high_case_is_closed_by_its_owner_alone_and_by_no_other(crewed: World) -> None:
    case = crewed.write(BEATEN)
    crewed.turn()
    crewed.do("contacted", "Ada", case)
    with crewed.sessions() as session:
        assert session.scalars(select(Conversation.owner)).one() == "staff"
    assert crewed.do("close", "Bea", case, "resolved").kind == "held"
    assert crewed.do("close", "Ada", case, "referred").kind == "closed"
    with crewed.sessions() as session:
        assert session.scalars(select(Conversation.owner)).one() == "bot"
    assert crewed.do("acknowledge", "Bea", case).kind == "closed"
    assert crewed.do("pass_on", "Ada", case).kind == "closed"
    with pytest.raises(InvalidInput):
        crewed.do("close", "Ada", case, "whatever")


def test_a_supervisor_steps_in(crewed: World) -> None:
    case = crewed.write(KNIFE)
    crewed.turn()
    crewed.do("contacted", "Ada", case)
    assert crewed.do("acknowledge", "Bea", case, over=True).kind == "held"
    assert crewed.do("acknowledge", "Cyr", case, over=True).kind == "taken"
    found = crewed.case(case)
    assert (found.owner_id, found.state) == (crewed.people["Cyr"], "engaged")
    with transaction(crewed.sessions) as session:
        assert handling.reopen(session, case, crewed.at, staff_id=crewed.people["Bea"]).kind == "may_not"
        assert handling.reopen(session, case, crewed.at, staff_id=crewed.people["Cyr"]).kind == "free"
    crewed.turn()
    assert crewed.texts(MONDAY)[-1] == (0.0, "Bea")


def test_an_analyst_takes_nothing(crewed: World) -> None:
    with transaction(crewed.sessions) as session:
        analyst = staff.add(session, "Flo", ["analyst"], MONDAY, phone="+17675550116", verified=True)
    crewed.people["Flo"] = analyst.id
    case = crewed.write(KNIFE)
    for what in ("acknowledge", "contacted", "pass_on"):
        assert crewed.do(what, "Flo", case).kind == "may_not"


def test_what_a_merged_person_writes_reaches_whoever_has_the_other_case(crewed: World) -> None:
    first = crewed.write(BEATEN)
    second = crewed.write(BEATEN, phone="+17675550151")
    crewed.turn()
    crewed.do("contacted", "Ada", first)
    assert crewed.do_with("merge", second, first, "Ada").kind == "merged"
    crewed.at += minutes(1)
    crewed.write(None, phone="+17675550151")
    crewed.turn()
    assert [(who, kind) for _, who, _, kind in crewed.pages(MONDAY)][-1] == ("Ada", "news")
    crewed.at += minutes(1)
    crewed.write(KNIFE, phone="+17675550151")
    crewed.turn()
    assert crewed.case(first).severity == "critical"
    assert crewed.case(second).state == "merged"
    assert [kind for *_, kind in crewed.pages(MONDAY)].count("case") == 2  # one each, before they were one


def test_merged_cases_are_closed_together(crewed: World) -> None:
    first, second = crewed.write(BEATEN), crewed.write(BEATEN, phone="+17675550151")
    crewed.turn()
    crewed.do_with("merge", second, first, "Ada")
    crewed.do("contacted", "Ada", first)
    crewed.do("close", "Ada", first, "resolved")
    with crewed.sessions() as session:
        assert session.scalars(select(Case.id).where(Case.closed_at.is_(None))).all() == []
        conversation = session.get_one(Case, second).conversation_id
        assert open_case(session, conversation) is None


def test_two_that_are_one_already_or_closed_cannot_be_merged(crewed: World) -> None:
    first, second = crewed.write(BEATEN), crewed.write(BEATEN, phone="+17675550151")
    crewed.turn()
    crewed.do_with("merge", second, first, "Ada")
    for one, other in ((second, first), (first, first), (first, second)):
        with pytest.raises(Refused):
            crewed.do_with("merge", one, other, "Ada")


def test_the_database_refuses_an_open_case_without_a_clock(crewed: World) -> None:
    case = crewed.write(KNIFE)
    with crewed.sessions() as session:
        session.get_one(Case, case).page_due_at = None
        with pytest.raises(IntegrityError):
            session.flush()


def test_an_account_that_ends_gives_its_cases_back(crewed: World) -> None:
    case = crewed.write(KNIFE)
    crewed.turn()
    crewed.do("contacted", "Ada", case)
    with transaction(crewed.sessions) as session:
        assert handling.disable(session, crewed.people["Ada"], crewed.at) == 1
    crewed.turn()
    assert crewed.texts(MONDAY)[-1] == (0.0, "Bea")
    assert crewed.case(case).owner_id is None
    with transaction(crewed.sessions) as session, pytest.raises(Refused):
        handling.acknowledge(session, case, crewed.people["Ada"], crewed.at)


# -- consent and referrals


@pytest.fixture
def service_id(crewed: World) -> uuid.UUID:
    with crewed.sessions() as session:
        return session.scalars(select(Service.id).limit(1)).one()


def test_no_referral_without_consent(crewed: World, service_id: uuid.UUID) -> None:
    case, ada = crewed.write(KNIFE), crewed.people["Ada"]
    with transaction(crewed.sessions) as session, pytest.raises(Refused):
        consent.refer(session, case, service_id, ada, MONDAY)
    with transaction(crewed.sessions) as session:
        consent.give(session, case, "contact", "2026-11", MONDAY)
    with transaction(crewed.sessions) as session, pytest.raises(Refused):
        consent.refer(session, case, service_id, ada, MONDAY)
    bare = Referral(case_id=case, service_id=service_id, created_by_id=ada, created_at=MONDAY, changed_at=MONDAY)
    with crewed.sessions() as session:
        session.add(bare)
        with pytest.raises(IntegrityError):
            session.flush()


def test_a_consent_for_one_service_is_none_for_another(crewed: World, service_id: uuid.UUID) -> None:
    case, ada = crewed.write(KNIFE), crewed.people["Ada"]
    with transaction(crewed.sessions) as session:
        other = session.scalars(select(Service.id).where(Service.id != service_id).limit(1)).one()
        consent.give(session, case, "share", "2026-11", MONDAY, service_id=other)
    with transaction(crewed.sessions) as session, pytest.raises(Refused):
        consent.refer(session, case, service_id, ada, MONDAY)
    with transaction(crewed.sessions) as session:
        assert consent.refer(session, case, other, ada, MONDAY).consent_id


def test_a_referral_lives_and_ends_with_the_consent(crewed: World, service_id: uuid.UUID) -> None:
    case, ada = crewed.write(KNIFE), crewed.people["Ada"]
    with transaction(crewed.sessions) as session:
        consent.give(session, case, "share", "2026-11", MONDAY, language="en")
        one, two = (consent.refer(session, case, service_id, ada, MONDAY) for _ in range(2))
        consent.change(session, one.id, "accepted", ada, MONDAY)
        consent.change(session, one.id, "done", ada, MONDAY)
    with transaction(crewed.sessions) as session, pytest.raises(Refused):
        consent.change(session, one.id, "refused", ada, MONDAY)
    with transaction(crewed.sessions) as session:
        assert consent.withdraw(session, case, "share", MONDAY) == 1
        assert consent.withdraw(session, case, "share", MONDAY) == 0
    with crewed.sessions() as session:
        assert {r.id: r.state for r in consent.referrals(session, case)} == {one.id: "done", two.id: "revoked"}
    assert kinds(crewed, case)[-1] == "consent_withdrawn"


def test_an_override_is_written_down(crewed: World, service_id: uuid.UUID) -> None:
    case, ada = crewed.write(KNIFE), crewed.people["Ada"]
    with transaction(crewed.sessions) as session:
        consent.refer(session, case, service_id, ada, MONDAY, override="child_in_danger", note="told the mother")
    with crewed.sessions() as session:
        last = session.scalars(select(CaseEvent).order_by(CaseEvent.id.desc()).limit(1)).one()
        assert (last.kind, last.staff_id) == ("referred_without_consent", ada)
        assert last.detail == {"service": str(service_id), "override": "child_in_danger"}
    with transaction(crewed.sessions) as session, pytest.raises(InvalidInput):
        consent.refer(session, case, service_id, ada, MONDAY, override="it is easier")


def test_pages_name_no_case_of_a_person(crewed: World) -> None:
    """What stands in a page's row: codes, a colour's severity, no words."""
    crewed.write(KNIFE)
    crewed.turn()
    with crewed.sessions() as session:
        page = session.scalars(select(Page)).first()
        assert page
        assert {page.kind, page.severity, page.code} == {"case", "critical", crewed_code(crewed)}


def crewed_code(world: World) -> str:
    with world.sessions() as session:
        return session.scalars(select(Case.code)).one()


@pytest.mark.parametrize(
    ("written", "number"),
    [("767 555 0120", "+17675550120"), ("+1 767-555-0120", "+17675550120"), ("1 (767) 555.0120", "+17675550120")],
)
def test_phones_are_read_as_people_write_them(written: str, number: str) -> None:
    assert staff.phone_number(written) == number


@pytest.mark.parametrize("written", ["", "abc", "12", "+1767555" + "9" * 15])
def test_what_is_no_phone_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput):
        staff.phone_number(written)


def test_a_phone_and_an_e_mail_belong_to_one_account(crewed: World) -> None:
    with transaction(crewed.sessions) as session:
        staff.add(session, "Gus", ["editor"], MONDAY, email="Gus@Example.org")
        for phone, email in (("767 555 0111", None), (None, " gus@example.org")):
            with pytest.raises(Refused):
                staff.add(session, "Hal", ["officer"], MONDAY, phone=phone, email=email)
