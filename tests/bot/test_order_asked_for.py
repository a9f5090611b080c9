"""What a texter says beside the need changes the order of what is found, from the message to the reply.

Age and fee stand as dialogues in tests/conversations (find_age_*, find_no_fee_*). The directory says of no place yet
how a person in a wheelchair gets in: here one does.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import transaction
from base.settings import Settings
from bot.rasa import NluClient
from directory.seed_rows import service_id
from tests.bot.test_conversations import nlu
from tests.conversations.player import play

__all__ = ["nlu"]
RAMP = "Fond Cole Health Centre"


@pytest.fixture
def ramp(sessions: sessionmaker[Session]) -> Iterator[None]:
    """The health centre of Fond Cole has a ramp."""
    at = m.ServiceAtLocation
    with transaction(sessions) as session:
        place = session.scalars(select(at.location_id).where(at.service_id == service_id("fond-cole-health-centre")))
        row = m.Accessibility(location_id=place.one(), description="ramp")
        session.add(row)
        session.flush()
        key = row.id
    yield
    with transaction(sessions) as session:
        session.execute(delete(m.Accessibility).where(m.Accessibility.id == key))


@pytest.mark.slow
@pytest.mark.parametrize("words", ["doctor in Roseau, I cannot climb", "doktè nan Wozo, mwen pa ka monte"])
def test_a_place_with_a_ramp_comes_first_for_who_cannot_climb(
    ramp: None, sessions: sessionmaker[Session], nlu: NluClient, settings: Settings, words: str
) -> None:
    plain = play(f"> {words.partition(',')[0]}\n< x\n", sessions, nlu, settings)
    asked = play(f"> {words}\n< x\n", sessions, nlu, settings)
    assert f"1 {RAMP}" not in plain
    assert RAMP in plain
    assert f"1 {RAMP}" in asked
