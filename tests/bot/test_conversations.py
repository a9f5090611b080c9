"""Whole dialogues, word for word: tests/conversations/*.txt through the inbox, Rasa, the drain and the outbox."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from base.settings import Settings
from bot.rasa import NluClient, Rasa
from messaging.segments import is_gsm, segments
from oncall.models import Case
from tests.conversations.player import play, scripts

CONCERNS = (
    "danger self_harm child_abuse domestic_violence sexual_violence trafficking vulnerable_adult discrimination sea"
).split()


@pytest.fixture(scope="session")
def nlu(rasa: tuple[str, str]) -> NluClient:
    """A patient client: a dialogue must not depend on how busy the machine is."""
    return Rasa(rasa[0], rasa[1], timeout=timedelta(seconds=20), failures=20, pause=timedelta(seconds=1))


@pytest.mark.slow
@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.stem)
def test_conversation(script: Path, sessions: sessionmaker[Session], nlu: NluClient, settings: Settings) -> None:
    before = script.read_text(encoding="utf-8")
    after = play(before, sessions, nlu, settings)
    assert after.splitlines() == before.splitlines()
    expected = expected_concerns(before)
    with sessions() as session:
        told = session.scalars(select(Case)).all()
        assert [sorted(case.concerns) for case in told] == ([sorted(expected)] if expected else [])


def expected_concerns(script: str) -> list[str]:
    """The line `# case: danger, sea` says what the case holds in the end; no such line, no case."""
    match = re.search(r"^# case: (.+)$", script, re.M)
    return match[1].split(", ") if match else []


def test_there_are_dialogues_for_every_concern_in_every_language_of_the_island() -> None:
    names = [path.stem for path in scripts()]
    assert len(names) >= 30
    assert {f"concern_{concern}_{language}" for concern in CONCERNS for language in ("en", "ht", "acf")} <= set(names)
    languages = Counter(name.rpartition("_")[2] for name in names)
    assert languages["fr"] >= 2
    assert languages["es"] >= 2


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.stem)
def test_every_reply_can_be_sent_and_a_disclosure_is_answered_with_numbers(script: Path) -> None:
    """What is written down as right is right in form, too."""
    text = script.read_text(encoding="utf-8")
    replies = re.findall(r"^< (.*(?:\n  .*)*)", text, re.M)
    assert replies
    for reply in replies:
        body = reply.replace("\n  ", "\n")
        assert is_gsm(body)
        assert text.startswith("# WhatsApp") or segments(body) <= 2
    if script.stem.startswith("concern_") and "# case:" in text:
        first = text.partition("\n<")[2].partition("\n")[0]
        assert "999" in first
        assert "911" in first
