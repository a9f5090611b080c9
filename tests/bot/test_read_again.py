"""What only the lexicon has read is read again when Rasa is back: harm that no phrase knows still opens a case."""

from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import Settings
from bot import read_again
from bot.drain import Drain
from bot.models import ReadAgain, UnreadMessage
from bot.rasa import Asked, Away, NluClient, Parsed
from messaging import inbox, simulator
from messaging.models import Conversation, InboundMessage, OutboundMessage
from oncall.models import Case

TOLD = "he fling the food on the wall because it was cold"  # no phrase knows it
HARM = Parsed("disclose", 0.9, None, 0.0, "child_abuse", 0.95)
DOUBT = Parsed("disclose", 0.5, None, 0.0, "child_abuse", 0.4)
NOTHING = Parsed("other", 0.9, None, 0.0, None, 0.0)


class Back:
    """A Rasa that is there again."""

    available = True

    def __init__(self, answers: Mapping[str, Parsed | None]) -> None:
        self.answers = answers

    def parse(self, text: str, language: str | None) -> Parsed | None:
        return self.answers.get(text, NOTHING)

    def ahead(self, wanted: Sequence[Asked]) -> bool:
        return True


@pytest.fixture
def drain(sessions: sessionmaker[Session], settings: Settings) -> Drain:
    return Drain(sessions, Away(), settings)


def says(drain: Drain, *texts: str) -> None:
    """One person writes while Rasa is away."""
    with transaction(drain.sessions) as session:
        for one in texts:
            inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", one))
    drain.run(seconds=10)


def look(drain: Drain, nlu: NluClient) -> int:
    return read_again.all_waiting(drain.sessions, nlu, drain.rules)


def rows(drain: Drain, table: type[object]) -> int:
    with drain.sessions() as session:
        return len(session.scalars(select(table)).all())


def test_harm_that_only_rasa_hears_opens_a_case_when_it_is_back(drain: Drain) -> None:
    says(drain, TOLD, "I need food in Roseau please")
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (0, 2)
    assert look(drain, Away()) == 0
    assert rows(drain, ReadAgain) == 2
    sent = rows(drain, OutboundMessage)
    assert look(drain, Back({TOLD: HARM})) == 2
    with drain.sessions() as session:
        [case] = session.scalars(select(Case)).all()
        reading = session.scalars(select(InboundMessage.reading).order_by(InboundMessage.id)).first()
    assert (case.concerns, case.severity, case.state) == (["child_abuse"], "high", "new")
    assert case.due_at is not None  # the engine pages it
    assert (reading or {})["concern"] == "child_abuse"
    assert (rows(drain, ReadAgain), rows(drain, OutboundMessage)) == (0, sent)
    assert look(drain, Back({TOLD: HARM})) == 0
    assert rows(drain, Case) == 1


def test_a_doubt_goes_to_a_person(drain: Drain) -> None:
    says(drain, TOLD)
    look(drain, Back({TOLD: DOUBT}))
    assert (rows(drain, Case), rows(drain, UnreadMessage), rows(drain, ReadAgain)) == (0, 1, 0)


def test_what_both_have_read_or_the_lexicon_heard_is_not_read_again(drain: Drain, settings: Settings) -> None:
    says(drain, "my husband beats me", "1", "thanks")
    assert rows(drain, ReadAgain) == 0
    says(Drain(drain.sessions, Back({}), settings), "is there a place I can go tonight")
    assert rows(drain, ReadAgain) == 0


def test_somebody_who_is_being_answered_is_looked_at_later(drain: Drain) -> None:
    says(drain, TOLD)
    with transaction(drain.sessions) as session:
        session.execute(select(Conversation).with_for_update())
        assert look(drain, Back({TOLD: HARM})) == 0
    assert look(drain, Back({TOLD: HARM})) == 1
    assert rows(drain, Case) == 1


@pytest.mark.parametrize("at_once", [1, 50])
def test_texts_that_rasa_cannot_read_hold_up_no_other(
    drain: Drain, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(read_again, "MOST", at_once)
    breaks = ["something that breaks Rasa", "and something else that does"]
    says(drain, *breaks, TOLD)
    assert look(drain, Back({**dict.fromkeys(breaks), TOLD: HARM})) == 1
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (1, 2)


def test_words_that_are_gone_are_let_be(drain: Drain) -> None:
    says(drain, TOLD)
    with transaction(drain.sessions) as session:
        session.execute(update(InboundMessage).values(body=None))
    assert look(drain, Back({})) == 1
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (0, 0)
