"""Cases for the tests of the case page: somebody writes and tells of harm, as a turn of the bot would note it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from base.clock import now
from base.db import transaction
from base.settings import Settings
from dashboard.accounts import codes, passwords
from messaging import inbox, outbox, simulator
from messaging.models import Conversation, InboundMessage, OutboundMessage
from oncall import cases, checklist, staff
from oncall.cases import Disclosure
from oncall.clocks import policy_of
from oncall.models import Case, CaseEvent, CaseViewer
from oncall.policy import freeze

PERSON, OTHER = "+17675550101", "+17675550102"
BEATEN = Disclosure("domestic_violence", "high", ("x",))
KNIFE = Disclosure("domestic_violence", "critical", ("x",))


class Cases:
    """The database of a test, as its people fill and find it."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.sessions, self.settings = sessions, settings

    def write(
        self, words: str = "mari m ap bat mwen", *, told: Disclosure | None = KNIFE, phone: str = PERSON,
        channel: str = "sms", ago: timedelta = timedelta(0), answer: str = "",
    ) -> Case:  # fmt: skip
        """A message comes in, `ago`; with `told` it opens the case. Returns the case."""
        at = now() - ago
        with transaction(self.sessions) as session:
            got = inbox.receive(session, simulator.parse_inbound(channel, phone, words))
            assert got.message_id is not None
            mine = InboundMessage.id == got.message_id
            session.execute(update(InboundMessage).where(mine).values(received_at=at, handled_at=at))
            talk = session.get_one(Conversation, got.conversation_id)
            talk.last_inbound_at, talk.language = at, "ht"
            if told:
                case = cases.disclose(session, talk.id, got.message_id, told, language="ht", now=at)
                checklist.attach(session, case, at)
                freeze(case, policy_of(self.settings.config.oncall))
            else:
                found = cases.open_case(session, talk.id)
                assert found
                case = found
                cases.add_message(session, case, got.message_id, now=at)
            if answer:
                outbox.queue(
                    session, talk, f"sim_{channel}", [answer], lane=outbox.Lane.PROTECTION, inbound_id=got.message_id
                )
            return case

    def hire(self, name: str, phone: str, *roles: str) -> uuid.UUID:
        with transaction(self.sessions) as session:
            who = staff.add(session, name, roles or ("officer",), now(), phone=phone, verified=True)
            known = passwords.of(session, who.id)
            codes.new_totp(session, who.id)
            known.totp_confirmed_at = now()
            return who.id

    def case(self, case: Case) -> Case:
        with self.sessions() as session:
            return session.get_one(Case, case.id)

    def events(self, case: Case, *kinds: str) -> list[CaseEvent]:
        with self.sessions() as session:
            query = select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id)
            return [one for one in session.scalars(query) if not kinds or one.kind in kinds]

    def kinds(self, case: Case) -> list[str]:
        return [one.kind for one in self.events(case)]

    def sent(self, *states: str) -> Sequence[tuple[str, str]]:
        """What officers wrote: words and state."""
        query = select(OutboundMessage).where(OutboundMessage.inbound_id.is_(None)).order_by(OutboundMessage.position)
        with self.sessions() as session:
            rows = session.scalars(query).all()
            return [(row.body or "", row.state) for row in rows if not states or row.state in states]

    def audit(self) -> list[tuple[str, str]]:
        """Actions and their subjects; the chain must be whole."""
        with self.sessions() as session:
            assert audit.verify(session).whole
            return [(one.action, one.subject) for one in audit.entries(session)]

    def away(self, for_: timedelta) -> None:
        """Everybody has been away from every case for so long."""
        with transaction(self.sessions) as session:
            earlier = {"seen_at": CaseViewer.seen_at - for_, "writing_at": CaseViewer.writing_at - for_}
            session.execute(update(CaseViewer).values(earlier))

    def set(self, case: Case, **values: Any) -> None:
        with transaction(self.sessions) as session:
            session.execute(update(Case).where(Case.id == case.id).values(values))

    def last_wrote(self, case: Case, at: datetime) -> None:
        with transaction(self.sessions) as session:
            mine = Conversation.id == case.conversation_id
            session.execute(update(Conversation).where(mine).values(last_inbound_at=at))


@pytest.fixture
def world(sessions: sessionmaker[Session], settings: Settings) -> Cases:
    return Cases(sessions, settings)
