"""Signed webhooks in, texts out, through real processes, PostgreSQL, Valkey and Rasa."""

import orjson
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.models import UnreadMessage
from messaging.models import Address, InboundMessage, OptEvent, OutboundMessage
from oncall.models import Case
from tests.fakes.twilio import TwilioDouble
from tests.service import HTTP, Service, wait_until

pytestmark = pytest.mark.slow


def test_a_kreyol_whatsapp_message_is_answered_in_kreyol_with_a_service_in_the_parish(double: TwilioDouble) -> None:
    sent = double.send_whatsapp("whatsapp:+17675550101", "mwen bezwen yon doktè nan Pòtsmouf")
    assert sent.status == 204
    reply = double.expect("whatsapp:+17675550101", ["Portsmouth Hospital", "Ekri"], timeout=3)
    assert "Text a number" not in reply.text


def test_an_english_sms_is_answered_with_a_service_in_the_parish(double: TwilioDouble) -> None:
    double.send_sms("+17675550102", "I need a doctor in Marigot")
    double.expect("+17675550102", ["Marigot Hospital", "Text a number"], timeout=3)


def test_details_tell_that_an_unverified_number_is_being_checked(double: TwilioDouble) -> None:
    double.send_sms("+17675550103", "I need a doctor in Marigot")
    double.expect("+17675550103", "1 Marigot Hospital", timeout=3)
    double.send_sms("+17675550103", "1")
    reply = double.expect("+17675550103", "Marigot Hospital", timeout=3)
    assert "767-" not in reply.text
    assert "+1767" not in reply.text


def test_a_disclosure_opens_a_case_that_readyz_counts(
    double: TwilioDouble, service: Service, sessions: sessionmaker[Session]
) -> None:
    double.send_sms("+17675550104", "mari m ap bat mwen")
    double.expect("+17675550104", ["999", "911", "1 wi 2 non"], timeout=3)
    with sessions() as session:
        case = session.scalars(select(Case)).one()
        assert (case.concerns, case.severity, case.state) == (["domestic_violence"], "high", "new")
    ready = orjson.loads(HTTP.request("GET", f"{service.url}/readyz").data)
    assert ready["cases"] == {"new": 1}
    assert f'"case_id":"{case.id}"' in service.logs().replace('": "', '":"')


def test_not_safe_makes_the_case_critical(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    double.send_sms("+17675550105", "mari m ap bat mwen")
    double.expect("+17675550105", "1 wi 2 non", timeout=3)
    double.send_sms("+17675550105", "2")
    double.expect("+17675550105", "999", timeout=3)
    with sessions() as session:
        assert session.scalars(select(Case.severity)).one() == "critical"


def test_the_same_webhook_twice_is_one_message(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    sent = double.send_sms("+17675550106", "I need food in Roseau")
    double.expect("+17675550106", timeout=3)
    assert double.repeat(sent.sid).status == 204
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(InboundMessage)) == 1


@pytest.mark.parametrize("signature", ["missing", "forged"])
def test_a_wrong_signature_changes_nothing(
    double: TwilioDouble, sessions: sessionmaker[Session], signature: str
) -> None:
    assert double.send_sms("+17675550107", "I need food", signature=signature).status == 403
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Address)) == 0
    double.violations.clear()


def test_a_strange_content_type_is_415_and_a_large_body_413(double: TwilioDouble) -> None:
    assert double.send_sms("+17675550108", "hello", content_type="application/json").status == 415
    assert double.send_sms("+17675550108", "x" * 70_000).status == 413
    double.violations.clear()


def test_a_shared_key_signature_is_taken(double: TwilioDouble, service: Service) -> None:
    double.account.shared_key = ("KEYOLD", "unknown here")
    assert double.send_sms("+17675550109", "hello").status == 403
    double.account.shared_key = None
    double.violations.clear()


def test_stop_is_kept_and_a_sentence_with_stop_is_read(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    double.send_sms("+17675550110", "STOP li frape m")
    double.expect("+17675550110", "999", timeout=3)
    double.send_sms("+17675550111", "STOP")
    wait_until(lambda: _count(sessions, OptEvent) == 1, "the ledger knows")
    double.expect_no_more("+17675550111")


def test_a_location_finds_the_nearest_place(double: TwilioDouble) -> None:
    double.send_whatsapp("whatsapp:+17675550112", "I need a doctor")
    double.expect("whatsapp:+17675550112", timeout=3)
    double.send_whatsapp("whatsapp:+17675550112", location=(15.57, -61.456))
    double.expect("whatsapp:+17675550112", "Portsmouth Hospital", timeout=3)


def test_a_voice_note_is_answered_and_goes_to_a_person(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    double.send_whatsapp("whatsapp:+17675550113", "", media=["audio/ogg"])
    double.expect("whatsapp:+17675550113", timeout=3)
    with sessions() as session:
        assert session.scalars(select(UnreadMessage.reason)).all() == ["media"]
        extra = session.scalars(select(InboundMessage.extra)).one()
        assert extra["media"][0]["type"] == "audio/ogg"


def test_a_whatsapp_address_without_a_number(double: TwilioDouble) -> None:
    double.send_whatsapp("whatsapp:DM.13491208655302741918", "mwen bezwen manje nan Wozo")
    double.expect("whatsapp:DM.13491208655302741918", timeout=3)


def test_delivery_reports_in_any_order_end_as_delivered(double: TwilioDouble, sessions: sessionmaker[Session]) -> None:
    double.callbacks = "reversed"
    double.send_sms("+17675550114", "I need food in Roseau")
    double.expect("+17675550114", timeout=3)
    wait_until(lambda: _delivery(sessions) == {"delivered"}, "the report is in")
    double.callbacks = "in order"


def test_several_messages_of_one_person_are_answered_in_order(
    double: TwilioDouble, sessions: sessionmaker[Session]
) -> None:
    for text in ("english", "I need food in Roseau", "1"):
        double.send_sms("+17675550115", text)
    for _ in range(3):
        double.expect("+17675550115", timeout=5)
    texts = [message.text for message in double.sent("+17675550115")]
    assert texts[0].startswith("OK, English")
    assert texts[1].startswith("1 ")
    assert "Roseau" in texts[2]


def _count(sessions: sessionmaker[Session], table: type) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def _delivery(sessions: sessionmaker[Session]) -> set[str | None]:
    with sessions() as session:
        return set(session.scalars(select(OutboundMessage.delivery)))
