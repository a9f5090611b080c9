"""What the bot did not understand: read, answered, made a case or an example by people."""

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent
from base.db import database_now
from base.settings import Settings
from bot.drain import Drain
from bot.learning_models import LearningExample
from bot.models import UnreadMessage
from bot.rasa import Away
from messaging import inbox, optout, simulator
from messaging.models import Address, OutboundMessage
from oncall.models import Case, CaseEvent
from tests.dashboard.conftest import SignedIn

WORDS = "zog blimp <script>alert(1)</script> \u202e frak"
Arrived = Callable[..., int]


@pytest.fixture
def arrived(sessions: sessionmaker[Session], settings: Settings) -> Arrived:
    """A message that the bot does not understand (asked once, then given to a person); gives its id in the queue."""

    def arrive(words: str = WORDS, mode: str = "sms", phone: str = "+17675550101") -> int:
        drain = Drain(sessions, Away(), settings)
        for one in ("bliv flot quux", words):
            with sessions() as session, session.begin():
                inbox.receive(session, simulator.parse_inbound(mode, phone, one))
            drain.once()
        with sessions() as session:
            return session.scalars(select(UnreadMessage.id).order_by(UnreadMessage.id.desc())).first() or 0

    return arrive


def by_staff(sessions: sessionmaker[Session]) -> list[tuple[str | None, str]]:
    with sessions() as session:
        query = select(OutboundMessage).where(OutboundMessage.inbound_id.is_(None))
        return [(one.body, one.state) for one in session.scalars(query)]


def test_the_list_shows_no_words_and_the_look_is_noted(
    arrived: Arrived, signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    key, browser = arrived(), signed_in("officer")
    assert "zog" not in browser.get("/unread").text
    page = browser.get(f"/unread/{key}").text
    assert "zog blimp &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "+17675550101" not in page
    with sessions() as session:
        last = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
    assert last
    assert (last.action, last.subject, last.actor_id) == ("unread message viewed", f"unread:{key}", people["officer"])


def test_an_answer_leaves_once(arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session]) -> None:
    key = arrived()
    first, second = signed_in("officer"), signed_in("supervisor")
    first.get(f"/unread/{key}")
    second.get(f"/unread/{key}")
    assert "on its way" in first.post(f"/unread/{key}/answer", words="Ki kote ou ye?").text
    late = second.post(f"/unread/{key}/answer", words="Another answer")
    assert (late.status_code, "dealt with this message already" in late.text) == (409, True)
    assert "Another answer" in late.text, "what was typed is kept"
    assert by_staff(sessions) == [("Ki kote ou ye?", "queued")]
    assert "Nothing waits" in first.get("/unread").text


@pytest.mark.parametrize("words", ["", "   ", "x" * 1001])
def test_an_answer_without_words_or_too_long_does_not_leave(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session], words: str
) -> None:
    key, browser = arrived(), signed_in("officer")
    assert browser.post(f"/unread/{key}/answer", words=words).status_code == 400
    assert by_staff(sessions) == []


def test_who_opted_out_is_not_written_to(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    key, browser = arrived(), signed_in("officer")
    with sessions() as session, session.begin():
        optout.record(session, session.scalars(select(Address)).one(), "out", "carrier")
    assert browser.post(f"/unread/{key}/answer", words="Hello").status_code == 409
    assert by_staff(sessions) == []


def test_after_whatsapps_window_nothing_leaves(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    key, browser = arrived(mode="whatsapp"), signed_in("officer")
    with sessions() as session, session.begin():
        session.execute(text("UPDATE conversation SET last_inbound_at = now() - interval '25 hours'"))
    assert "24 hours are over" in browser.get(f"/unread/{key}").text
    assert browser.post(f"/unread/{key}/answer", words="Hello").status_code == 409
    assert by_staff(sessions) == []


def test_a_person_hears_harm_and_a_case_is_paged(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    key, browser = arrived(), signed_in("officer")
    assert browser.post(f"/unread/{key}/case", concern="nothing", severity="high").status_code == 400
    assert browser.post(f"/unread/{key}/case", concern="trafficking", severity="huge").status_code == 400
    done = browser.post(f"/unread/{key}/case", concern="trafficking", severity="critical")
    with sessions() as session:
        case = session.scalars(select(Case)).one()
        kinds = session.scalars(select(CaseEvent.kind)).all()
    assert (case.severity, case.concerns, case.state) == ("critical", ["trafficking"], "new")
    assert case.page_due_at is not None
    assert "read_by_staff" in kinds
    assert f"Case {case.code} is open" in done.text
    assert browser.post(f"/unread/{key}/case", concern="trafficking", severity="critical").status_code == 409
    with sessions() as session:
        assert len(session.scalars(select(Case)).all()) == 1


def test_a_label_teaches_only_after_a_second_person(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    key = arrived("zog blimp 767 555 0101 frak")
    one, other = signed_in("officer"), signed_in("supervisor")
    assert one.post(f"/unread/{key}/label", language="ht").status_code == 400
    assert "Kept as an example" in one.post(f"/unread/{key}/label", language="ht", need="shelter").text
    with sessions() as session:
        example = session.scalars(select(LearningExample)).one()
        assert (example.label, example.state) == ("find_shelter", "proposed")
        assert "0101" not in example.words
        assert "zog" in example.words
    assert "another person decides" in one.get("/unread/examples").text
    assert one.post(f"/unread/examples/{example.id}/approve").status_code == 409
    other.get("/unread/examples")
    other.post(f"/unread/examples/{example.id}/approve")
    with sessions() as session:
        assert session.scalars(select(LearningExample.state)).all() == ["approved"]


def test_a_damaged_or_erased_message_still_opens(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    key, browser = arrived(), signed_in("officer")
    with sessions() as session, session.begin():
        session.execute(text("UPDATE inbound_message SET body = '\\x0102', reading = '\\x05', extra = '\\x05'"))
        session.execute(text("UPDATE conversation SET state = '\\x01', pace = '\\x01'"))
    assert "(cannot be read)" in browser.get(f"/unread/{key}").text
    with sessions() as session, session.begin():
        session.execute(text("UPDATE inbound_message SET body = NULL, reading = NULL"))
    assert "or erased" in browser.get(f"/unread/{key}").text
    assert browser.post(f"/unread/{key}/close").status_code == 200


def test_a_message_of_somebody_with_a_case_is_answered_there(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session], settings: Settings
) -> None:
    key, browser = arrived(), signed_in("officer")
    with sessions() as session, session.begin():
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "my husband beats me"))
    Drain(sessions, Away(), settings).once()
    with sessions() as session:
        code = session.scalars(select(Case.code)).one()
    assert f'href="/c/{code}"' in browser.get(f"/unread/{key}").text
    assert browser.post(f"/unread/{key}/answer", words="Hello").status_code == 409


def closed_case(sessions: sessionmaker[Session]) -> None:
    with sessions() as session, session.begin():
        session.scalars(select(Case)).one().closed_at = database_now(session)


def test_the_lines_before_it_hold_no_words_of_a_case(
    arrived: Arrived, signed_in: SignedIn, sessions: sessionmaker[Session], settings: Settings
) -> None:
    with sessions() as session, session.begin():
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "my husband beats me"))
    Drain(sessions, Away(), settings).once()
    open_key, browser = arrived(), signed_in("officer")
    page = browser.get(f"/unread/{open_key}").text
    assert ("beats" in page, "zog blimp" in page) == (False, True)
    closed_case(sessions)
    page = browser.get(f"/unread/{arrived('wug dax')}").text
    assert ("beats" in page, "zog blimp" in page, "wug dax" in page) == (False, False, True)
    assert "bliv flot quux" in page, "what came after the case is there"


@pytest.mark.parametrize("way", ["close", "answer"])
def test_a_message_that_was_dealt_with_shows_its_words_no_more(arrived: Arrived, signed_in: SignedIn, way: str) -> None:
    key, browser = arrived(), signed_in("officer")
    assert "zog blimp" in browser.get(f"/unread/{key}").text
    browser.post(f"/unread/{key}/{way}", words="Ki kote ou ye?")
    page = browser.get(f"/unread/{key}")
    assert page.status_code == 200
    assert "Dealt with" in page.text
    for words in ("zog", "bliv flot quux", "Ki kote"):
        assert words not in page.text


def test_looking_at_the_examples_is_noted(
    arrived: Arrived, signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    one, other = signed_in("officer"), signed_in("supervisor")
    other.get("/unread/examples")  # nothing is shown, nothing is noted
    one.post(f"/unread/{arrived()}/label", language="ht", need="shelter")
    other.get("/unread/examples")
    with sessions() as session:
        example = session.scalars(select(LearningExample.id)).one()
        seen = session.scalars(select(AuditEvent).where(AuditEvent.action == "examples viewed")).one()
    assert (seen.actor_id, seen.detail) == (people["supervisor"], {"ids": str(example)})
