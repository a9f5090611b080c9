"""What only the lexicon has read is read again when Rasa is back: harm that no phrase knows still opens a case."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

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
from oncall import wishes
from oncall.models import Case, CaseEvent

TOLD = "he fling the food on the wall because it was cold"  # no phrase knows it
HARM = Parsed("disclose", 0.9, None, 0.0, "child_abuse", 0.95)
DOUBT = Parsed("disclose", 0.5, None, 0.0, "child_abuse", 0.4)
NOTHING = Parsed("other", 0.9, None, 0.0, None, 0.0)


BREAKS = 3  # failures in a row, as Rasa's client counts them


class Back:
    """A Rasa that is there again, left alone for a look after BREAKS failures in a row. `meanwhile` happens while it is
    asked."""

    def __init__(self, answers: Mapping[str, Parsed | None], meanwhile: Callable[[], None] = lambda: None) -> None:
        self.answers, self.meanwhile, self.failed = answers, meanwhile, 0

    @property
    def available(self) -> bool:
        return self.failed < BREAKS

    def parse(self, text: str, language: str | None) -> Parsed | None:
        self.meanwhile()
        answer = self.answers.get(text, NOTHING)
        self.failed = 0 if answer else self.failed + 1
        return answer

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
    return read_again.Reader(drain.sessions, nlu, drain.rules).look()


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


@pytest.mark.parametrize(
    ("told", "mildly", "concerns"),
    [
        ("they turn me away at the clinic because i am haitian", "standard", ["discrimination"]),
        ("m ap di yo mwen pa vle ankò", "high", ["discrimination", "danger"]),
    ],
)
def test_what_was_heard_too_mildly_is_raised_and_paged(
    drain: Drain, monkeypatch: pytest.MonkeyPatch, told: str, mildly: str, concerns: list[str]
) -> None:
    """A phrase whose case waits for office hours, and which names the concern; words without a phrase, which name it
    badly."""
    monkeypatch.setattr("bot.reading.harm_words.guess", lambda _text: ("discrimination", 0.99))
    says(drain, told)
    with drain.sessions() as session:
        mild = session.scalars(select(Case.severity)).one()
    assert (mild, rows(drain, ReadAgain)) == (mildly, 1)
    worse = Parsed("disclose", 0.9, None, 0.0, "danger", 0.95)
    for _ in range(2):  # the second time nothing waits
        look(drain, Back({told: worse}))
    with drain.sessions() as session:
        case = session.scalars(select(Case)).one()
        assert (case.severity, case.concerns) == ("critical", concerns)
        assert case.due_at is not None
    assert rows(drain, ReadAgain) == 0


def test_what_is_heard_again_as_it_was_changes_no_case(drain: Drain) -> None:
    told = "they turn me away at the clinic because i am haitian"
    says(drain, told)
    look(drain, Back({told: Parsed("disclose", 0.9, None, 0.0, "discrimination", 0.95)}))
    with drain.sessions() as session:
        case = session.scalars(select(Case)).one()
        kinds = session.scalars(select(CaseEvent.kind).where(CaseEvent.inbound_id.is_not(None))).all()
    assert (case.severity, case.concerns, list(kinds)) == ("standard", ["discrimination"], ["disclosed"])
    assert rows(drain, ReadAgain) == 0


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
    breaks = [f"something that breaks Rasa {number}" for number in range(BREAKS + 1)]
    says(drain, *breaks, TOLD)
    nlu = Back({**dict.fromkeys(breaks), TOLD: HARM})
    reader = read_again.Reader(drain.sessions, nlu, drain.rules)
    for _ in range(2):
        reader.look()
        nlu.failed = 0  # the pause is over
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (1, BREAKS + 1)


def test_words_erased_while_rasa_is_asked_stay_erased(drain: Drain) -> None:
    def forget() -> None:
        with transaction(drain.sessions) as session:
            session.execute(update(InboundMessage).values(body=None, reading=None))

    says(drain, TOLD)
    look(drain, Back({TOLD: HARM}, meanwhile=forget))
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (0, 0)
    with drain.sessions() as session:
        assert session.scalars(select(InboundMessage.reading)).one() is None


@pytest.mark.parametrize(
    ("before", "state_lost"), [("my husband beats me", False), ("hello", False), ("my husband beats me", True)]
)
def test_what_was_told_before_the_quick_exit_word_does_not_undo_it(
    drain: Drain, settings: Settings, before: str, state_lost: bool
) -> None:
    """Whether a case was open then or not, and also when a failed turn has lost the bot's memory: an officer must not
    write, for somebody else may hold the phone."""
    says(drain, before, TOLD, settings.config.danger.exit_word)
    if state_lost:
        with transaction(drain.sessions) as session:
            session.execute(update(Conversation).values(state=None))
    look(drain, Back({TOLD: HARM}))
    with drain.sessions() as session:
        case = session.scalars(select(Case)).one()
        last = session.scalars(select(Conversation.last_inbound_at)).one()
        assert wishes.may_write(wishes.of(session, case.id), last, datetime.now(UTC)) == "hidden"


def test_a_case_that_an_officer_has_closed_since_is_not_opened_again(drain: Drain) -> None:
    says(drain, TOLD, "my husband beats me")
    with transaction(drain.sessions) as session:
        session.execute(update(Case).values(state="closed", closed_at=datetime.now(UTC) + timedelta(minutes=1)))
    look(drain, Back({TOLD: HARM}))
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (1, 0)


def test_of_a_shared_place_nothing_is_asked(drain: Drain) -> None:
    place = simulator.parse_inbound(
        "whatsapp", "+17675550101", "Princess Margaret Hospital, Federation Drive, Goodwill", kind="location",
        latitude=15.31, longitude=-61.38,
    )  # fmt: skip
    with transaction(drain.sessions) as session:
        inbox.receive(session, place)
    drain.run(seconds=10)
    assert (rows(drain, InboundMessage), rows(drain, ReadAgain)) == (1, 0)


def test_words_that_are_gone_are_let_be(drain: Drain) -> None:
    says(drain, TOLD)
    with transaction(drain.sessions) as session:
        session.execute(update(InboundMessage).values(body=None))
    assert look(drain, Back({})) == 1
    assert (rows(drain, Case), rows(drain, ReadAgain)) == (0, 0)
