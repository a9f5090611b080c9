"""Examples from people: two persons, nobody's name, and Rasa can read them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from base.settings import ROOT
from bot import effects, learning
from bot.learning_models import LearningExample
from bot.learning_strip import strip
from bot.models import UnreadMessage
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import InboundMessage

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
LEFT = "my name is, Goodwill, call: my husband take all my money"
SAID = "my name is Kerline Dorvil, 12 Bath Road Goodwill, call +17675550123: my husband Jean take all my money"

STRIPPED = [
    (SAID, LEFT),
    ("Non mwen se Mirlande Pierre, mwen bezwen yon dokte nan Wozo", "Non mwen se, mwen bezwen yon dokte nan Wozo"),
    ("mwen rele kerline, pitit mwen malad", "mwen rele, pitit mwen malad"),
    ("Mrs. Shillingford told me come back", "Mrs told me come back"),
    ("je m'appelle Nadège et j'ai faim", "je m'appelle et j'ai faim"),
    ("me llamo Juana Pérez y tengo hambre", "me llamo y tengo hambre"),
    ("i live at 45 Queen Mary Street in Roseau", "i live at in Roseau"),
    ("m rete lari Gwo Mòn nimewo 7", "m rete nimewo"),
    ("write me at someone@example.com or www.example.org/me", "write me at or"),
    ("my id is 1990-01-02-33 and my son is 14", "my id is and my son is"),
    ("I need food for my baby", "I need food for my baby"),
    ("Haitian people in Marigot need water on Monday", "Haitian people in Marigot need water on Monday"),
    ("MWEN GRANGOU ANPIL", "MWEN GRANGOU ANPIL"),
    ("the doctor is not there", "the doctor is not there"),
]


@pytest.mark.parametrize(("text", "kept"), STRIPPED)
def test_nothing_tells_whose_it_is(text: str, kept: str) -> None:
    assert strip(text) == kept


@pytest.fixture
def unread(session: Session) -> int:
    """The id of an unread message that holds a name, an address and a number."""
    inbox.receive(session, Inbound("test", "SM1", "sms", "+17675550123", SAID))
    message = session.scalars(select(InboundMessage)).one()
    effects.unread(session, message, "unclear")
    return session.scalars(select(UnreadMessage.id)).one()


def labelled(session: Session, unread: int, staff: int = 1) -> LearningExample:
    return learning.label(session, unread, staff, label="find_money", language="en", at=AT)


def test_a_label_becomes_an_example_that_waits(session: Session, unread: int) -> None:
    labelled(session, unread)
    (waiting,) = learning.pending(session)
    assert (waiting.label, waiting.language, waiting.proposed_by) == ("find_money", "en", "1")
    assert waiting.words == LEFT
    assert learning.approved(session) == []


def test_what_staff_type_is_stripped_too(session: Session, unread: int) -> None:
    done = learning.label(
        session, unread, 1, label="find_money", language="en", at=AT, words="Marie Desir has no money"
    )
    assert done.words == "has no money"


def test_the_one_who_proposed_cannot_approve(session: Session, unread: int) -> None:
    example = labelled(session, unread)
    for decide in (learning.approve, learning.reject):
        with pytest.raises(Refused, match="second person"):
            decide(session, example.id, 1, at=AT)
    with pytest.raises(Refused, match="second person"):
        learning.approve(session, example.id, "1", at=AT)


def test_not_even_past_our_own_code(session: Session, unread: int) -> None:
    example = labelled(session, unread)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(
            update(LearningExample).where(LearningExample.id == example.id).values(state="approved", reviewed_by="1")
        )


def test_a_second_person_approves_once(session: Session, unread: int) -> None:
    example = labelled(session, unread)
    learning.approve(session, example.id, 2, at=AT)
    assert learning.pending(session) == []
    assert learning.approved(session) == [("en", "find_money", LEFT)]
    with pytest.raises(Refused):
        learning.reject(session, example.id, 3, at=AT)
    with pytest.raises(Refused):
        labelled(session, unread, staff=3)


def test_a_rejected_example_teaches_nothing(session: Session, unread: int) -> None:
    learning.reject(session, labelled(session, unread).id, 2, at=AT)
    assert (learning.pending(session), learning.approved(session)) == ([], [])


def test_another_label_before_the_review_replaces_the_first(session: Session, unread: int) -> None:
    first = labelled(session, unread)
    second = learning.label(session, unread, 2, label="disclose_domestic_violence", language="en", at=AT)
    assert second.id == first.id
    assert learning.pending(session)[0].proposed_by == "2"
    with pytest.raises(Refused):
        learning.approve(session, first.id, 2, at=AT)
    learning.approve(session, first.id, 1, at=AT)


def test_erased_words_cannot_be_labelled(session: Session, unread: int) -> None:
    session.execute(update(InboundMessage).values(body=None))
    with pytest.raises(Refused):
        labelled(session, unread)
    with pytest.raises(Refused):
        labelled(session, unread + 1)


@pytest.mark.parametrize(
    ("words", "label", "language"),
    [("i need food", "find_gold", "en"), ("i need food", "find_food", "xx"), ("+17675550123", "find_food", "en")],
)
def test_what_cannot_be_learned_is_refused(session: Session, words: str, label: str, language: str) -> None:
    with pytest.raises(InvalidInput):
        learning.propose(session, 1, words=words, label=label, language=language, at=AT)


def test_the_labels_are_those_of_the_model() -> None:
    domain = yaml.safe_load((ROOT / "nlu" / "domain.yml").read_text(encoding="utf-8"))["intents"]
    assert {name for name in learning.labels() if "+" not in name} == set(domain) - {"find", "disclose"}


def test_exported_as_the_training_data_is_written(tmp_path: Path) -> None:
    examples = [
        ("ht", "find_food", 'nou grangou: "anpil" - wi'),
        ("ht", "find_food", "- manje"),
        ("acf", "disclose_danger+find_shelter", "i ka vini épi koutla"),
    ]
    files = learning.export(examples, tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in files] == ["ht/learned.yml", "acf/learned.yml"]
    read = yaml.safe_load(files[0].read_text(encoding="utf-8"))
    assert read["version"] == "3.1"
    assert read["nlu"] == [{"intent": "find_food", "examples": '- nou grangou: "anpil" - wi\n- - manje\n'}]
