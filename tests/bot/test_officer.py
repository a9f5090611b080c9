"""The officer's side: whose conversation it is, WhatsApp's window, wishes and what overrides them, canned replies."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base.clock import DOMINICA
from base.db import transaction
from base.errors import InvalidInput, Refused
from base.settings import LANGUAGES, Settings
from bot import officer
from bot.drain import Drain, exit_word
from bot.rasa import Away
from messaging import inbox, simulator
from messaging.models import Conversation, InboundMessage, OutboundMessage
from messaging.segments import is_gsm, segments
from oncall import handling, rota, staff, wishes
from oncall.clocks import policy_of
from oncall.models import Case, CaseEvent, ChecklistStep, Consent, Staff
from oncall.promise import answer_within
from oncall.wishes import Wishes, may_write

NOON = datetime(2026, 11, 17, 12, 0, tzinfo=DOMINICA)


@dataclass
class Talk:
    """One phone, the bot without Rasa, and an officer, on a clock of their own."""

    sessions: sessionmaker[Session]
    drain: Drain
    settings: Settings
    mode: str = "sms"
    now: datetime = NOON
    who: uuid.UUID = field(default_factory=uuid.uuid4)

    def text(self, *words: str) -> list[str]:
        """What the bot answers to the last of these."""
        for one in words:
            self.now += timedelta(minutes=1)
            with transaction(self.sessions) as session:
                got = inbox.receive(session, simulator.parse_inbound(self.mode, "+17675550100", one))
                mine = InboundMessage.id == got.message_id
                session.execute(update(InboundMessage).where(mine).values(received_at=self.now))
            self.drain.once()
        return self.bodies(got.message_id)

    def bodies(self, inbound_id: int | None, state: str = "queued") -> list[str]:
        query = select(OutboundMessage.body).where(
            OutboundMessage.inbound_id == inbound_id, OutboundMessage.state == state
        )
        with self.sessions() as session:
            return [body or "" for body in session.scalars(query.order_by(OutboundMessage.seq))]

    def from_staff(self, state: str) -> list[tuple[str, str | None]]:
        query = select(OutboundMessage).where(OutboundMessage.inbound_id.is_(None), OutboundMessage.state == state)
        with self.sessions() as session:
            rows = session.scalars(query.order_by(OutboundMessage.position)).all()
            return [(row.body or "", row.template) for row in rows]

    def hire(self) -> uuid.UUID:
        with transaction(self.sessions) as session:
            phone = f"+176755501{len(session.scalars(select(Staff)).all()) + 50}"
            who = Staff(
                name="Marie", roles=["officer"], phone=phone, phone_lookup=staff.phone_lookup(phone),
                phone_verified_at=NOON,
            )  # fmt: skip
            session.add(who)
            session.flush()
            return who.id

    def writes(self, words: str, who: uuid.UUID, override: str | None = None) -> officer.Sent:
        with transaction(self.sessions) as session:
            case = session.scalars(select(Case)).one()
            return officer.send_reply(session, case.id, who, words, self.now, self.settings, override=override)

    def closes(self, who: uuid.UUID) -> None:
        with transaction(self.sessions) as session:
            case = session.scalars(select(Case)).one()
            assert handling.close(session, case.id, who, "resolved", self.now).kind == "closed"

    def case(self) -> Case:
        with self.sessions() as session:
            return session.scalars(select(Case)).one()

    def kinds(self) -> Sequence[str]:
        with self.sessions() as session:
            return session.scalars(select(CaseEvent.kind).order_by(CaseEvent.id)).all()

    def owner(self) -> str:
        with self.sessions() as session:
            return session.scalars(select(Conversation.owner)).one()

    def wishes(self) -> Wishes:
        with self.sessions() as session:
            return wishes.of(session, session.scalars(select(Case.id)).one())


@pytest.fixture
def talk(sessions: sessionmaker[Session], settings: Settings) -> Talk:
    return Talk(sessions, Drain(sessions, Away(), settings), settings)


def test_the_bot_steps_back_and_comes_back_on_close(talk: Talk) -> None:
    talk.text("my husband beats me", "1", "0", "0", "0")
    me = talk.hire()
    assert talk.writes("Hello, I am a person.", me).how == "sent"
    assert talk.from_staff("queued") == [("Hello, I am a person.", None)]
    assert (talk.owner(), talk.case().state, talk.case().owner_id) == ("staff", "engaged", me)
    assert talk.text("I need food", "hello") == []
    assert talk.kinds().count("message") >= 2
    talk.closes(me)
    assert talk.owner() == "bot"
    assert talk.text("I need food")[0].startswith("1 ")


def test_beside_a_person_harm_still_reaches_the_case_and_it_is_said_once(talk: Talk) -> None:
    talk.text("my husband beats me")
    talk.writes("Hello", talk.hire())
    (said,) = talk.text("he beats my daughter too")
    assert said.startswith("This went to the person")
    assert "999" in said
    assert talk.text("he will kill me") == []
    case = talk.case()
    assert {"domestic_violence", "child_abuse"} <= set(case.concerns)
    assert case.severity == "critical"


def test_the_answer_not_safe_counts_also_beside_a_person(talk: Talk) -> None:
    talk.text("my husband beats me")
    talk.writes("Hello", talk.hire())
    talk.text("2")
    assert talk.case().severity == "critical"


def test_opt_out_works_beside_a_person_and_then_nothing_goes_out(talk: Talk) -> None:
    talk.text("my husband beats me")
    me = talk.hire()
    talk.writes("Hello", me)
    talk.text("RETE")
    with pytest.raises(Refused, match="no more messages"):
        talk.writes("Hello", me, override="imminent_harm")


def test_one_owner_at_a_time(talk: Talk) -> None:
    talk.text("my husband beats me")
    talk.writes("Hello", talk.hire())
    with pytest.raises(Refused, match="Marie has this case"):
        talk.writes("Me too", talk.hire())
    assert len(talk.from_staff("queued")) == 1


def test_the_bot_speaks_while_nobody_has_the_case(talk: Talk) -> None:
    talk.text("my husband beats me")
    me = talk.hire()
    talk.writes("Hello", me)
    with transaction(talk.sessions) as session:
        handling.pass_on(session, talk.case().id, me, talk.now)
    assert "999" in talk.text("he will kill me")[0]


def test_after_the_window_a_template_knocks_once_and_the_words_follow_the_answer(talk: Talk) -> None:
    talk.mode = "whatsapp"
    talk.text("my husband beats me", "1", "1", "1", "0")
    me = talk.hire()
    talk.now += timedelta(hours=25)
    first, second = talk.writes("How are you?", me), talk.writes("I can call.", me)
    assert (first.how, second.how, first.window.open) == ("knocked", "knocked", False)
    knock = ("You have a message from the information line. Reply 1 to read it.", None)
    assert talk.from_staff("queued") == [knock]
    talk.text("1")
    assert talk.from_staff("queued") == [knock, ("How are you?", None), ("I can call.", None)]
    assert talk.from_staff("window") == []


def test_words_that_waited_for_a_case_that_is_closed_are_dropped(talk: Talk) -> None:
    talk.mode = "whatsapp"
    talk.text("my husband beats me")
    me = talk.hire()
    talk.now += timedelta(hours=25)
    talk.writes("How are you?", me)
    talk.closes(me)
    talk.text("1")
    assert talk.from_staff("dropped") == [("", None)]


def test_words_that_wait_do_not_leave_after_the_quick_exit_word(talk: Talk) -> None:
    talk.mode = "whatsapp"
    talk.text("my husband beats me")
    talk.now += timedelta(hours=25)
    talk.writes("How are you?", talk.hire())
    assert talk.text("BUS")[0].startswith("Koudmen: free help")
    assert talk.from_staff("window") == [("How are you?", None)]
    for later in (timedelta(minutes=1), timedelta(days=2)):
        talk.now += later
        talk.text("hello")
        assert talk.from_staff("window") == [("How are you?", None)]


@pytest.mark.parametrize(("hours", "is_open", "left"), [(0, True, 24), (23, True, 1), (24, False, 0), (200, False, 0)])
def test_the_arithmetic_of_the_window(hours: int, is_open: bool, left: int) -> None:
    there = officer.window("whatsapp", NOON, NOON + timedelta(hours=hours), timedelta(hours=24))
    assert (there.open, there.left, there.closes_at) == (is_open, timedelta(hours=left), NOON + timedelta(hours=24))


def test_no_window_by_sms_and_a_closed_one_before_any_message() -> None:
    assert officer.window("sms", None, NOON, timedelta(hours=24)) == officer.Window(None, None, open=True)
    assert not officer.window("whatsapp", None, NOON, timedelta(hours=24)).open


def test_wishes_are_recorded_with_the_words_that_asked(talk: Talk) -> None:
    talk.text("my husband beats me", "1", "2", "3", "4")
    assert talk.wishes() == Wishes("call", "afternoon", "guitar")
    with talk.sessions() as session:
        consent = session.scalars(select(Consent)).one()
        assert (consent.purpose, consent.language, consent.withdrawn_at) == ("contact", "en", None)
        assert consent.wording.startswith("en:contact_ask:")
        assert officer.consented(session, consent.case_id)


def test_skipping_everything_records_nothing_and_silence_lowers_nothing(talk: Talk) -> None:
    talk.text("my husband beats me", "2", "0", "0", "0")
    assert talk.wishes() == Wishes()
    talk.now += timedelta(days=3)
    talk.text("hello", "thanks")
    assert talk.case().severity == "critical"
    with talk.sessions() as session:
        assert session.scalars(select(Consent)).all() == []


def test_no_contact_is_kept_unless_there_is_a_ground_that_is_noted(talk: Talk) -> None:
    talk.text("my husband beats me", "1", "3")
    me = talk.hire()
    talk.now += timedelta(hours=2)
    with pytest.raises(Refused, match="wishes no contact"):
        talk.writes("Hello", me)
    assert talk.from_staff("queued") == []
    assert talk.case().owner_id is None  # nothing of it happened
    assert talk.writes("Hello", me, override="child_in_danger").how == "sent"
    assert "override" in talk.kinds()


def test_after_the_quick_exit_word_nobody_writes_without_a_ground(talk: Talk) -> None:
    talk.text("my husband beats me", "1", "1", "1", "0", "bus")
    me = talk.hire()
    with pytest.raises(Refused, match="quick-exit"):
        talk.writes("Hello", me)
    assert talk.case().closed_at is None
    talk.text("my husband beats me")  # they are back
    assert talk.writes("Hello", me).how == "sent"


@pytest.mark.parametrize(
    ("told", "hour", "minutes", "may"),
    [
        (Wishes(), 3, 600, "yes"),
        (Wishes("text", "morning"), 9, 600, "yes"),
        (Wishes("text", "morning"), 12, 600, "not_now"),
        (Wishes("text", "morning"), 12, 5, "yes"),
        (Wishes("text", "evening"), 20, 600, "yes"),
        (Wishes("text", "after_me"), 12, 31, "not_now"),
        (Wishes("text", "after_me"), 12, 30, "yes"),
        (Wishes("no"), 12, 5, "yes"),
        (Wishes("no"), 12, 600, "no"),
        (Wishes("text", "any", None, NOON), 12, 5, "hidden"),
    ],
)
def test_when_to_write(told: Wishes, hour: int, minutes: int, may: str) -> None:
    at = NOON.replace(hour=hour)
    assert may_write(told, at - timedelta(minutes=minutes), at) == may


def test_the_promise_is_the_policys_while_somebody_is_on_duty(talk: Talk) -> None:
    policy = policy_of(talk.settings.config.oncall)
    with transaction(talk.sessions) as session:
        assert answer_within(session, policy, NOON) == {}
    me = talk.hire()
    with transaction(talk.sessions) as session:
        rota.add_shift(session, me, 1, NOON, NOON + timedelta(hours=8), NOON)
        within = answer_within(session, policy, NOON)
        assert within["critical"] == timedelta(minutes=35)  # 5 + 5 + 10, then 15 to answer
        assert within["high"] == timedelta(hours=2)  # 15 + 15 + 30, then 1 h
        night = answer_within(session, policy, NOON + timedelta(hours=7))
        assert night["high"] == timedelta(hours=5)  # 30 + 30 + 60, then 3 h
        assert answer_within(session, policy, NOON + timedelta(hours=8)) == {}
    assert "within 2 hours" in talk.text("my husband beats me", "1")[0]


def test_a_case_has_its_checklist_from_the_first_message(talk: Talk) -> None:
    talk.text("my husband beats me", "2")
    with talk.sessions() as session:
        first = session.scalars(select(ChecklistStep).where(ChecklistStep.key == "first_reply")).one()
        assert (first.concern, first.due_at) == ("domestic_violence", NOON + timedelta(minutes=16))


@pytest.mark.parametrize("language", LANGUAGES)
def test_canned_replies_in_every_language(settings: Settings, language: str) -> None:
    values = {"officer": "Marie", "word": "mango", "service": "Dominica Planned Parenthood Association"}
    for name in officer.canned():
        text = officer.fill(
            name, language, settings, **{k: v for k, v in values.items() if k in officer.variables(name)}
        )
        assert "{" not in text
        assert is_gsm(text)
        assert segments(text) <= 2
    with pytest.raises(InvalidInput, match="word"):
        officer.fill("safe_to_text", language, settings, word=" ")
    with pytest.raises(InvalidInput):
        officer.fill("nothing", language, settings)


@pytest.mark.parametrize("words", ["", "  ", "x" * 1001])
def test_no_words_or_too_many(talk: Talk, words: str) -> None:
    talk.text("my husband beats me")
    with pytest.raises(InvalidInput):
        talk.writes(words, talk.hire())


@pytest.mark.parametrize("word", ["stop", "END", "Help", "yes", "wi", "kreyol", "skip", "call"])
def test_a_quick_exit_word_that_means_something_else_stops_the_start(word: str) -> None:
    with pytest.raises(Exception, match="has another meaning"):
        exit_word(word)
    assert exit_word("bus") == "BUS"
