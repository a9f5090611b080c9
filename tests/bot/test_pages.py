"""An officer's answer to a page goes past the bot; what else they write, and the same words of others, does not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base.db import database_now, transaction
from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from koudmen.pagers import open_pager
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import Address, Conversation, InboundMessage, OutboundMessage
from messaging.outbox import Lane
from oncall import clocks, engine, rota, staff
from oncall.models import Case
from oncall.paging import Paged
from tests.conftest import make_settings

OFFICER, NOT_CONFIRMED, TEXTER, STRANGER = "+17675550171", "+17675550172", "+17675550173", "+17675550174"
Talk = Callable[[str, str], list[str]]


@pytest.fixture
def crew(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        now = database_now(session)
        one = staff.add(session, "Ada", ["officer"], now, phone=OFFICER, verified=True)
        staff.add(session, "Eve", ["officer"], now, phone=NOT_CONFIRMED)
        rota.add_shift(session, one.id, 1, now, now + timedelta(hours=12), now)


@pytest.fixture
def talk(sessions: sessionmaker[Session], settings: Settings, crew: None) -> Talk:
    return talking(sessions, settings)


def talking(sessions: sessionmaker[Session], settings: Settings, channel: str = "sim_sms") -> Talk:
    """Say something on a phone; what the phone shows then, all of it."""
    drain, config = Drain(sessions, Away(), settings), settings.config.oncall
    paged = Paged(sessions, open_pager(settings, sessions), config)

    def say(phone: str, words: str) -> list[str]:
        with transaction(sessions) as session:
            count = len(session.scalars(select(InboundMessage.id)).all())
            inbox.receive(session, Inbound("test", f"SM{count}", channel, phone, words))
        drain.run(seconds=5)
        engine.tick(sessions, clocks.policy_of(config))
        if channel == "sim_sms":
            paged.send_due()
        return shown(sessions, phone)

    return say


def shown(sessions: sessionmaker[Session], phone: str) -> list[str]:
    """The texts to a phone."""
    with sessions() as session:
        rows = session.execute(
            select(Address.value, OutboundMessage.body)
            .join(Conversation, Conversation.address_id == Address.id)
            .join(OutboundMessage, OutboundMessage.conversation_id == Conversation.id)
            .order_by(OutboundMessage.position)
        ).all()
    return [body or "" for address, body in rows if address == phone]


def code(sessions: sessionmaker[Session]) -> str:
    with sessions() as session:
        return session.scalars(select(Case.code)).one()


def test_on_the_simulator_the_page_is_on_the_officer_s_phone_and_is_answered_there(
    talk: Talk, sessions: sessionmaker[Session], settings: Settings
) -> None:
    talk(TEXTER, "mari m ap bat mwen")
    number = code(sessions)
    (page,) = shown(sessions, OFFICER)
    assert page == (
        f"ORANGE {number}. Text A {number} to take it, P {number} to pass it on. http://127.0.0.1:8001/c/{number}"
    )
    assert talk(OFFICER, f"a {number}")[1:] == [
        f"{number} is yours. Answer the person now. http://127.0.0.1:8001/c/{number}"
    ]
    with sessions() as session:
        message = session.scalars(select(InboundMessage).order_by(InboundMessage.id.desc())).first()
        assert message
        assert message.outcome == "page"
        lanes = session.scalars(select(OutboundMessage.lane)).all()
    assert set(lanes) == {int(Lane.PROTECTION)}


def test_an_officer_who_writes_for_herself_is_a_texter(talk: Talk, sessions: sessionmaker[Session]) -> None:
    ordinary = talk(STRANGER, "I need a doctor in Marigot")
    assert talk(OFFICER, "I need a doctor in Marigot") == ordinary
    talk(OFFICER, "my husband beats me")
    with sessions() as session:
        assert session.scalars(select(Case.state)).one() == "paged"


@pytest.mark.parametrize("words", ["A 4821", "P 4821", "? 4821", "A"])
def test_the_same_words_of_a_stranger_are_answered_as_ever(
    talk: Talk, sessions: sessionmaker[Session], words: str
) -> None:
    """Before there is such a code, with one that is there, from a phone that is not confirmed: always the same."""
    before = talk("+17675550175", words)
    talk(TEXTER, "mari m ap bat mwen")
    with transaction(sessions) as session:
        session.execute(update(Case).values(code="4821"))
    assert talk(STRANGER, words) == talk(NOT_CONFIRMED, words) == before
    with sessions() as session:
        assert session.scalars(select(Case.owner_id)).one() is None


def test_an_officer_s_number_typed_in_the_browser_is_a_stranger_s_on_a_real_service(
    sessions: sessionmaker[Session], settings: Settings, crew: None
) -> None:
    """With Twilio on, the simulator's phones are nobody's, whatever number is typed there."""
    real = make_settings(
        settings.home, DATABASE_URL=settings.database_url or "", KOUDMEN_REHEARSAL="1", TWILIO_ACCOUNT_SID="AC1",
        TWILIO_AUTH_TOKEN="x", TWILIO_SMS_FROM="+17675550199",
    )  # fmt: skip
    say = talking(sessions, real, "sms")
    say(TEXTER, "mari m ap bat mwen")
    number = code(sessions)
    drain = Drain(sessions, Away(), real)
    with transaction(sessions) as session:
        inbox.receive(session, Inbound("simulator", "SIM1", "sim_sms", OFFICER, f"A {number}"))
    drain.run(seconds=5)
    with sessions() as session:
        assert session.scalars(select(Case.owner_id)).one() is None
    say(OFFICER, f"A {number}")
    with sessions() as session:
        assert session.scalars(select(Case.owner_id)).one() is not None
