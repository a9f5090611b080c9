"""Cases: one open case a conversation, one effect a message, and by itself it only gets worse."""

import threading
import uuid

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from messaging import inbox, simulator
from messaging.models import Conversation
from oncall import cases
from oncall.cases import Disclosure
from oncall.models import Case, CaseEvent

BEATEN = Disclosure("domestic_violence", "high", ("phrase en.home.beat",))
CHILD = Disclosure("child_abuse", "high")
KNIFE = Disclosure("danger", "critical")
REFUSED = Disclosure("discrimination", "standard")


def message(session: Session, number: int = 100) -> tuple[uuid.UUID, int]:
    """A message in the inbox: its conversation and its id."""
    received = inbox.receive(session, simulator.parse_inbound("sms", f"+1767555{number:04}", "x"))
    assert received.message_id
    return received.conversation_id, received.message_id


def events(session: Session) -> list[tuple[str, int | None, str | None]]:
    query = select(CaseEvent.kind, CaseEvent.inbound_id, CaseEvent.concern).order_by(CaseEvent.id)
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def test_the_same_message_twice_has_one_effect(session: Session) -> None:
    conversation, first = message(session)
    case = cases.disclose(session, conversation, first, BEATEN, language="en")
    again = cases.disclose(session, conversation, first, REFUSED, language="en")
    assert again.id == case.id
    assert (case.severity, case.concerns, case.language, case.state) == ("high", ["domestic_violence"], "en", "new")
    assert events(session) == [("disclosed", first, "domestic_violence")]
    detail = session.scalar(select(CaseEvent.detail))
    assert detail == {"why": ["phrase en.home.beat"]}


def test_the_same_message_read_again_and_worse_raises_the_case_once(session: Session) -> None:
    """With Rasa away it was read by halves; what an officer lowered since is not raised by what was known before."""
    conversation, first = message(session)
    case = cases.disclose(session, conversation, first, BEATEN, language="en")
    for _ in range(2):
        cases.disclose(session, conversation, first, KNIFE, language="en")
    assert (case.severity, case.concerns) == ("critical", [BEATEN.concern, KNIFE.concern])
    assert [kind for kind, *_ in events(session)] == ["disclosed", "raised"]
    case.severity = "standard"
    cases.disclose(session, conversation, first, BEATEN, language="en")
    cases.disclose(session, conversation, first, KNIFE, language="en")
    assert case.severity == "standard"


def test_a_further_concern_is_added_once(session: Session) -> None:
    conversation, _ = message(session)
    for told in (BEATEN, CHILD, BEATEN, CHILD):
        case = cases.disclose(session, conversation, message(session)[1], told, language="en")
    assert case.concerns == ["domestic_violence", "child_abuse"]
    assert session.scalar(select(func.count()).select_from(Case)) == 1


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        ([REFUSED], "standard"),
        ([REFUSED, BEATEN], "high"),
        ([BEATEN, REFUSED], "high"),
        ([KNIFE, BEATEN, REFUSED], "critical"),
        ([REFUSED, KNIFE, BEATEN], "critical"),
    ],
)
def test_severity_only_rises(session: Session, told: list[Disclosure], severity: str) -> None:
    for one in told:
        conversation, inbound = message(session)
        case = cases.disclose(session, conversation, inbound, one, language=None)
    assert case.severity == severity


def test_not_safe_now_raises(session: Session) -> None:
    conversation, first = message(session)
    assert cases.raise_severity(session, conversation, first, "critical") is None  # there is no case
    case = cases.disclose(session, conversation, first, BEATEN, language="en")
    second = message(session)[1]
    cases.raise_severity(session, conversation, second, "critical")
    cases.raise_severity(session, conversation, second, "critical")
    assert case.severity == "critical"
    cases.raise_severity(session, conversation, message(session)[1], "standard")
    assert case.severity == "critical"
    assert [kind for kind, *_ in events(session)] == ["disclosed", "raised", "raised"]


def test_worse() -> None:
    assert cases.worse("high", "critical") == cases.worse("critical", "high") == "critical"
    assert cases.worse("standard", "standard") == "standard"


def test_further_messages_are_noted_once(session: Session) -> None:
    conversation, first = message(session)
    case = cases.disclose(session, conversation, first, BEATEN, language="en")
    second = message(session)[1]
    cases.add_message(session, case, second)
    cases.add_message(session, case, second)
    assert events(session)[1:] == [("message", second, None)]


def test_a_closed_case_stays_closed_and_a_new_one_is_opened(session: Session) -> None:
    conversation, first = message(session)
    old = cases.disclose(session, conversation, first, KNIFE, language="en")
    session.execute(update(Case).where(Case.id == old.id).values(closed_at=func.now()))
    assert cases.open_case(session, conversation) is None
    new = cases.disclose(session, conversation, message(session)[1], REFUSED, language="en")
    assert new.id != old.id
    assert new.severity == "standard"


def test_two_open_cases_of_one_conversation_are_impossible(session: Session) -> None:
    conversation, first = message(session)
    cases.disclose(session, conversation, first, BEATEN, language="en")
    session.add(
        Case(
            id=uuid.uuid4(), code="0000", conversation_id=conversation, severity="high", concerns=["sea"], language=None
        )
    )
    with pytest.raises(IntegrityError):
        session.flush()


def test_codes_of_open_cases_differ_and_tell_nothing(session: Session) -> None:
    opened = []
    for number in range(40):
        conversation, inbound = message(session, number)
        opened.append(cases.disclose(session, conversation, inbound, BEATEN, language="en"))
    codes = [case.code for case in opened]
    assert len(set(codes)) == 40
    assert all(len(code) == 4 and code.isdigit() for code in codes)
    assert codes != sorted(codes)


def test_counts(session: Session) -> None:
    assert cases.counts(session) == {}
    for number in range(3):
        conversation, inbound = message(session, number)
        case = cases.disclose(session, conversation, inbound, BEATEN, language="en")
    case.state = "acknowledged"
    session.flush()
    assert cases.counts(session) == {"new": 2, "acknowledged": 1}


def test_a_race_of_two_opens_one_case_with_both_disclosures(sessions: sessionmaker[Session]) -> None:
    """Two messages of one person at once: the conversation's lock, held by the caller, puts them in order."""
    with transaction(sessions) as session:
        told = [(*message(session), concern) for concern in (BEATEN, CHILD)]
    start = threading.Barrier(2)

    def disclose(conversation: uuid.UUID, inbound: int, what: Disclosure) -> None:
        start.wait(10)
        with transaction(sessions) as session:
            session.execute(select(Conversation.id).where(Conversation.id == conversation).with_for_update())
            cases.disclose(session, conversation, inbound, what, language="en")

    threads = [threading.Thread(target=disclose, args=one) for one in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with sessions() as session:
        (case,) = session.scalars(select(Case)).all()
        assert set(case.concerns) == {"domestic_violence", "child_abuse"}
        assert len(events(session)) == 2


def test_a_race_without_the_lock_still_leaves_one_case(sessions: sessionmaker[Session]) -> None:
    """The unique index is the last word."""
    with transaction(sessions) as session:
        told = [message(session) for _ in range(2)]
    start, failed = threading.Barrier(2), []

    def disclose(conversation: uuid.UUID, inbound: int) -> None:
        start.wait(10)
        try:
            with transaction(sessions) as session:
                cases.disclose(session, conversation, inbound, BEATEN, language="en")
        except IntegrityError as error:
            failed.append(error)

    threads = [threading.Thread(target=disclose, args=one) for one in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Case)) == 1
        assert len(events(session)) == 2 - len(failed)
