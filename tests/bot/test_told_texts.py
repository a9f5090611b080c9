"""What a service says for a short time is told, in the person's language where a speaker has reviewed it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

import directory.models as m
from bot import listing
from bot.moves import Message, Move
from bot.scene import Scene
from bot.state import State
from directory import search, truth
from tests.bot.test_turn import FACTS, NOTHING
from tests.directory.conftest import Add, add, empty

__all__ = ["add", "empty"]
AT = datetime(2026, 11, 24, 15, tzinfo=UTC)
ALERT, KREYOL = "Closed for repairs until May", "Fèmen pou reparasyon jis me"


def told(session: Session, service: Any, language: str, channel: str = "sms") -> tuple[str, str]:
    """The line of a list and the details of a service."""
    found = search.details(session, service, at=AT)
    assert found is not None
    message = Message("1", "text", channel, AT, {}, opted_out=False, case_open=False)
    scene = Scene(State(language=language), message, replace(NOTHING), Move("detail"), [found], FACTS)
    return listing.line(found, language), listing.detail(scene, found)


def test_a_notice_is_told_and_translated_once_a_speaker_has_reviewed_it(empty: Session, add: Add) -> None:
    key = add("Clinic", "health", parish="Saint Mark", place="Soufriere", alert=ALERT)
    texts = [m.ServiceText(service_id=key, field="alert", language="ht", text=KREYOL),
             m.ServiceText(service_id=key, field="name", language="ht", text="Klinik")]  # fmt: skip
    empty.add_all(texts)
    empty.flush()
    assert f"{ALERT}." in told(empty, key, "ht")[1]  # drafts are not told
    for text in texts:
        truth.review(empty, text, by="S. Speaker", on=AT.date())
    line, detail = told(empty, key, "ht")
    assert line == "Klinik, Soufriere"
    assert detail.startswith("Klinik, Soufriere.")
    assert f"{KREYOL}." in detail
    assert f"{ALERT}." in told(empty, key, "en")[1]
    texts[0].state = "outdated"
    empty.flush()
    assert f"{ALERT}." in told(empty, key, "ht")[1]


@pytest.mark.parametrize("number", ["767 555 0199", "+1 (767) 555-0199", "5550199"])
def test_a_number_in_a_notice_is_not_told(empty: Session, add: Add, number: str) -> None:
    key = add("Clinic", "health", parish="Saint Mark", alert=f"Call {number} before you come")
    assert "0199" not in told(empty, key, "en")[1]


def test_a_notice_too_long_for_a_message_leaves_the_number(empty: Session, add: Add) -> None:
    key = add("Clinic", "health", parish="Saint Mark", phone="+17675550101", verified=True, alert="long words " * 60)
    assert "767-555-0101" in told(empty, key, "en")[1]
    assert "long words" not in told(empty, key, "en")[1]
    assert "long words" in told(empty, key, "en", "whatsapp")[1]
