"""The call to an officer and the reports about pages: signed, and telling nothing to whoever is not meant."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from base.db import database_now, transaction
from messaging import inbox
from messaging.inbound import Inbound
from oncall import cases, pages, staff
from oncall.cases import Disclosure
from oncall.models import Case, Page, Staff
from tests.webhooks.caller import Caller, rows

VOICE, REPORT = "/webhooks/twilio/voice", "/webhooks/twilio/page"
CALL = [("CallSid", "CA1"), ("To", "+17675550171"), ("From", "+17675550199"), ("CallStatus", "in-progress")]


@pytest.fixture
def page(sessions: sessionmaker[Session], twilio_web: Caller) -> Page:
    """A call to Ada about a critical case, sent."""
    return paged(sessions)


def paged(sessions: sessionmaker[Session], language: str = "en", way: str = "voice") -> Page:
    with transaction(sessions) as session:
        now = database_now(session)
        ada = staff.add(session, "Ada", ["officer"], now, phone="+17675550171", verified=True, languages=[language])
        got = inbox.receive(session, Inbound("test", "SM1", "sms", "+17675550173", "x"))
        told = Disclosure("danger", "critical")
        assert got.message_id
        case = cases.disclose(session, got.conversation_id, got.message_id, told, language="en", now=now)
        case.state, case.level, case.round = "paged", 1, 1
        made = pages.write(session, [ada], "case", now, case=case, call=True)
        claimed = pages.claim(session, now, hold=timedelta(seconds=20))
        for one in claimed:
            pages.sent(session, one.id, "X1", now)
        return next(one for one in made if one.channel == way)


def case_of(sessions: sessionmaker[Session]) -> Case:
    with sessions() as session:
        return session.scalars(select(Case)).one()


def test_the_call_asks_and_tells_nothing(twilio_web: Caller, page: Page) -> None:
    answer = twilio_web.post(CALL, f"{VOICE}?p={page.id}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/xml")
    spoken = answer.data.decode()
    assert f'action="https://koudmen.example{VOICE}?p={page.id}"' in spoken
    assert f"RED. {' '.join(page.code)}. To take it, press 1." in spoken
    for secret in ("danger", "critical", "+1767", "Ada", "5550173"):
        assert secret not in spoken


@pytest.mark.parametrize(
    ("digits", "words", "state", "answered"),
    [
        ("1", "You have it", "acknowledged", "take"),
        ("2", "It is passed on", "paged", "pass"),
        ("9", "No key was pressed", "paged", None),
        ("", "No key was pressed", "paged", None),
        ("1#<x>", "You have it", "acknowledged", "take"),
    ],
)
def test_keys(
    twilio_web: Caller, page: Page, sessions: sessionmaker[Session], digits: str, words: str, state: str,
    answered: str | None,
) -> None:  # fmt: skip
    answer = twilio_web.post([*CALL, ("Digits", digits)], f"{VOICE}?p={page.id}")
    assert words in answer.data.decode()
    assert "<Hangup/>" in answer.data.decode()
    assert case_of(sessions).state == state
    with sessions() as session:
        assert session.get_one(Page, page.id).answer == answered


def test_somebody_else_has_it_already(twilio_web: Caller, page: Page, sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        other = staff.add(session, "Bea", ["officer"], page.created_at, phone="+17675550172", verified=True)
        case = session.scalars(select(Case)).one()
        case.state, case.owner_id, case.acknowledged_at = "acknowledged", other.id, page.created_at
    answer = twilio_web.post([*CALL, ("Digits", "1")], f"{VOICE}?p={page.id}").data.decode()
    assert "Somebody has it already" in answer
    assert "Bea" not in answer


def test_an_officer_is_called_in_their_language(
    twilio_web: Caller, engine: Engine, sessions: sessionmaker[Session]
) -> None:
    page = paged(sessions, "ht")
    spoken = twilio_web.post(CALL, f"{VOICE}?p={page.id}").data.decode()
    assert "peze 1" in spoken
    assert 'language="fr-FR"' in spoken


@pytest.mark.parametrize("path", [VOICE, REPORT])
def test_a_wrong_signature_is_403_and_changes_nothing(
    twilio_web: Caller, page: Page, sessions: sessionmaker[Session], path: str
) -> None:
    body = b"CallSid=CA1&Digits=1&MessageStatus=failed&ErrorCode=30005"
    for headers in ({}, {"X_Twilio_Signature": "x"}):
        assert twilio_web.send(f"{path}?p={page.id}", body, **headers).status == 403
    assert case_of(sessions).state == "paged"
    with sessions() as session:
        assert session.get_one(Page, page.id).state == "sent"


@pytest.mark.parametrize("about", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_a_page_that_is_none(twilio_web: Caller, engine: Engine, about: str) -> None:
    assert twilio_web.post([*CALL, ("Digits", "1")], f"{VOICE}?p={about}").data.endswith(b"<Hangup/></Response>")
    assert twilio_web.post([("MessageStatus", "failed")], f"{REPORT}?p={about}").status == 204
    assert rows(engine) == {}


def test_a_text_s_page_answers_no_call(twilio_web: Caller, engine: Engine, sessions: sessionmaker[Session]) -> None:
    page = paged(sessions, way="sms")
    answer = twilio_web.post([*CALL, ("Digits", "1")], f"{VOICE}?p={page.id}")
    assert b"<Gather" not in answer.data
    assert case_of(sessions).owner_id is None


def test_a_disabled_officer_takes_nothing(twilio_web: Caller, page: Page, sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        session.scalars(select(Staff)).one().disabled_at = page.created_at
    twilio_web.post([*CALL, ("Digits", "1")], f"{VOICE}?p={page.id}")
    assert case_of(sessions).owner_id is None


# -- reports


def test_a_text_that_never_arrived_pages_the_next_level_at_once(
    twilio_web: Caller, engine: Engine, sessions: sessionmaker[Session]
) -> None:
    """The call is still out there, so the level is not lost; when that is gone too, the next one is due now."""
    page = paged(sessions, way="sms")
    before = case_of(sessions).page_due_at
    fields = [("MessageSid", "SM9"), ("MessageStatus", "undelivered"), ("ErrorCode", "30005")]
    assert twilio_web.post(fields, f"{REPORT}?p={page.id}").status == 204
    with transaction(sessions) as session:
        assert session.get_one(Page, page.id).state == "failed"
        assert case_of(sessions).page_due_at == before
        call = session.scalars(select(Page).where(Page.channel == "voice")).one()
        pages.report(session, call.id, "failed", database_now(session))
    assert case_of(sessions).state == "paged"


def test_reports_rise(twilio_web: Caller, engine: Engine, sessions: sessionmaker[Session]) -> None:
    page = paged(sessions, way="sms")
    for state in ("delivered", "sent", "queued", "undelivered", "nonsense"):
        twilio_web.post([("MessageStatus", state)], f"{REPORT}?p={page.id}")
    with sessions() as session:
        found = session.get_one(Page, page.id)
        assert (found.state, found.delivery) == ("sent", "delivered")


def test_a_page_s_address_tells_nothing(page: Page) -> None:
    assert isinstance(page.id, uuid.UUID)
    assert page.id.version == 4
