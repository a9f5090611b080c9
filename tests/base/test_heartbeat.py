"""Signs of life."""

import pytest
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from base.heartbeat import Heartbeat, ages, beat


@pytest.fixture(autouse=True)
def _empty(session: Session) -> None:
    session.execute(delete(Heartbeat))


def test_nobody_has_said_anything(session: Session) -> None:
    assert ages(session) == {}


def test_a_beat_is_young_and_keeps_its_note(session: Session) -> None:
    beat(session, "worker turn", "rasa away")
    age, note = ages(session)["worker turn"]
    assert 0 <= age < 5
    assert note == "rasa away"


def test_a_second_beat_replaces_the_first(session: Session) -> None:
    beat(session, "sweeper", "rasa away")
    session.execute(text("UPDATE heartbeat SET at = now() - interval '90 s'"))
    assert 89 < ages(session)["sweeper"][0] < 120
    beat(session, "sweeper")
    beat(session, "worker turn")
    assert {name: (age < 5, note) for name, (age, note) in ages(session).items()} == {
        "sweeper": (True, ""),
        "worker turn": (True, ""),
    }
