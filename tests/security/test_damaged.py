"""A stored value that does not open (a damaged disk, a key taken out too early) harms its own conversation alone."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import InboundMessage


def test_the_others_are_still_answered(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions() as session, session.begin():
        for number in (1, 2):
            inbox.receive(
                session, Inbound("test", f"SM{number}", "sms", f"+1767555{100 + number:04d}", "I need a doctor")
            )
        session.execute(text("UPDATE inbound_message SET body = '\\x0100000001' WHERE external_id = 'SM1'"))
    drain = Drain(sessions, Away(), settings)
    for _ in range(10):
        drain.once()
    with sessions() as session:
        outcomes = session.execute(select(InboundMessage.external_id, InboundMessage.outcome)).all()
    assert ("SM2", "answered") in [tuple(row) for row in outcomes]
