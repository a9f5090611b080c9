"""The worst first: while many wait, who tells of harm is heard before the others."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from bot.triage import FEW, Triage
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import Conversation, InboundMessage
from oncall.models import Case

QUEUE = 80
HARM = "mari m ap bat mwen"


@pytest.fixture
def triage(sessions: sessionmaker[Session], settings: Settings) -> Triage:
    return Triage(Drain(sessions, Away(), settings), short=timedelta(0))


def write(sessions: sessionmaker[Session], sender: int, text: str) -> None:
    """Each from somebody else, by an address that is no phone's."""
    with transaction(sessions) as session:
        inbox.receive(session, Inbound("test", f"SM{sender}", "whatsapp", f"DM.{sender}", text))


def handled(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        query = select(func.count()).select_from(InboundMessage).where(InboundMessage.handled_at.is_not(None))
        return session.scalars(query).one()


def test_harm_is_heard_before_a_queue_of_others(triage: Triage, sessions: sessionmaker[Session]) -> None:
    for number in range(QUEUE):
        write(sessions, number, "I need a doctor in Marigot")
    write(sessions, QUEUE, HARM)
    assert triage.once() == 1
    with sessions() as session:
        assert session.scalars(select(Case.concerns)).all() == [["domestic_violence"]]
    assert handled(sessions) == 1
    write(sessions, QUEUE + 1, HARM)
    assert triage.once() == 1
    assert triage.once() == 0


def test_a_few_are_left_to_their_order(triage: Triage, sessions: sessionmaker[Session]) -> None:
    for number in range(FEW):
        write(sessions, number, HARM)
    assert triage.once() == 0
    assert triage.drain.run(seconds=20) == FEW


def test_what_somebody_else_is_at_is_left_to_them(triage: Triage, sessions: sessionmaker[Session]) -> None:
    for number in range(QUEUE):
        write(sessions, number, "bonjou" if number else HARM)
    with transaction(sessions) as session:
        ids = session.scalars(select(Conversation.id)).all()
        inbox.claim_these(session, ids, hold=triage.drain.settings.config.outbox.claim)
    assert triage.once() == 0
    assert handled(sessions) == 0


def test_nobody_is_answered_twice(triage: Triage, sessions: sessionmaker[Session]) -> None:
    for number in range(QUEUE):
        write(sessions, number, HARM if number % 10 == 0 else "bonjou")
    assert triage.once() == QUEUE // 10
    assert triage.drain.run(seconds=20) == QUEUE - QUEUE // 10
    assert handled(sessions) == QUEUE


def test_a_queue_that_has_only_begun_is_not_looked_at(triage: Triage, sessions: sessionmaker[Session]) -> None:
    for number in range(QUEUE):
        write(sessions, number, HARM if number == QUEUE - 1 else "bonjou")
    triage.short = timedelta(hours=1)
    assert triage.once() == 0
    triage.short = timedelta(0)
    assert triage.once() == 1  # nobody was passed over meanwhile
