"""Hours that nobody knows are told as "ask first", at any time, in every language, and never as closed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from base.settings import LANGUAGES
from bot import listing
from bot.moves import Message, Move
from bot.phrases import say
from bot.scene import Scene
from bot.state import State
from directory import search
from tests.bot.test_turn import FACTS, NOTHING
from tests.directory.conftest import Add, add, empty

__all__ = ["add", "empty"]
UNKNOWN: list[dict[str, Any]] = [
    {},
    {"opening": {"byday": "MO,TU,WE,TH,FR,SA,SU"}},
    {"opening": {"byday": "MO,TU,WE,TH,FR,SA,SU", "opens_at": time(8), "closes_at": time(16),
                 "valid_to": date(2026, 1, 1)}},
]  # fmt: skip
INSTANTS = [datetime(2026, 11, 2, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(60)]  # holidays among them


@pytest.mark.parametrize("known", UNKNOWN)
def test_unknown_hours_are_never_told_as_closed(empty: Session, add: Add, known: dict[str, Any]) -> None:
    service = add("Clinic", "health", parish="Saint John", phone="+17675550101", verified=True, **known)
    for at in INSTANTS:
        found = search.details(empty, service, at=at)
        assert found is not None
        assert found.open_now is None
        message = Message("1", "text", "whatsapp", at, {}, opted_out=False, case_open=False)
        for language in LANGUAGES:
            scene = Scene(State(language=language), message, replace(NOTHING), Move("detail"), [found], FACTS)
            told = listing.detail(scene, found)
            assert say(language, "hours_unknown") in told
            assert say(language, "closed_now") not in told
    order = search.find(empty, search.Query(("health",), at=INSTANTS[0]))[0]
    assert "hours_unknown" in order.reasons
