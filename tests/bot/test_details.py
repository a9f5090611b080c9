"""Who it is for and what was said beside the need, in every language; and that it is not lost on the way."""

from datetime import UTC, datetime

import pytest

from bot import details
from bot.moves import Message, decide
from bot.normalise import normalise
from bot.reading import Reading
from bot.scene import Erase
from bot.state import State, from_json, noted, recall
from bot.turn import turn
from tests.bot.test_turn import FACTS, NOTHING

SAID = [
    ("en", "food for my two kids", "child"),
    ("ht", "manje pou ti bebe m nan", "child"),
    ("acf", "manjé pou timanmay mwen", "child"),
    ("fr", "un médecin pour mon enfant", "child"),
    ("es", "un médico para mi hija", "child"),
    ("en", "my grandmother cannot cook any more", "older"),
    ("ht", "yon moun pou okipe granmoun nan", "older"),
    ("acf", "gwanmanman mwen tousèl", "older"),
    ("fr", "aide pour une personne âgée", "older"),
    ("es", "ayuda para mi abuela", "older"),
    ("en", "he is in a wheelchair", "disability"),
    ("ht", "li pa ka mache", "disability"),
    ("acf", "i pa sa maché", "disability"),
    ("fr", "mon frère est handicapé", "disability"),
    ("es", "usa silla de ruedas", "disability"),
    ("en", "im pregnant and sick", "pregnant"),
    ("ht", "mwen ansent 5 mwa", "pregnant"),
    ("acf", "mwen ansent", "pregnant"),
    ("fr", "ma soeur est enceinte", "pregnant"),
    ("es", "estoy embarazada", "pregnant"),
    ("en", "a bed for tonight", "now"),
    ("ht", "yon kote pou dòmi aswè a", "now"),
    ("acf", "koté pou dòmi òswè-a", "now"),
    ("fr", "un lit pour ce soir", "now"),
    ("es", "una cama para esta noche", "now"),
    ("en", "i dont have papers", "no_papers"),
    ("ht", "m pa gen papye", "no_papers"),
    ("acf", "mwen pa ni papyé", "no_papers"),
    ("fr", "je suis sans papiers", "no_papers"),
    ("es", "no tengo papeles", "no_papers"),
    ("en", "someone who speaks creole", "speaks_kreyol"),
    ("ht", "yon moun ki pale kreyòl", "speaks_kreyol"),
    ("acf", "yon moun ki ka palé kwéyòl", "speaks_kreyol"),
    ("fr", "quelqu'un qui parle créole", "speaks_kreyol"),
    ("es", "alguien que habla creole", "speaks_kreyol"),
]
NOTHING_SAID = ["i need a doctor", "mwen bezwen manje", "where is the police station", "kote lopital la ye", "ok mesi"]
WHEN = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(("language", "text", "detail"), SAID)
def test_is_heard(language: str, text: str, detail: str) -> None:
    assert detail in details.find(normalise(text, language))


@pytest.mark.parametrize("text", NOTHING_SAID)
def test_nothing_is_made_up(text: str) -> None:
    assert details.find(normalise(text)) <= {"asks"}


def _step(state: State, text: str, reading: Reading) -> State:
    reading = recall(state, reading)
    message = Message(text, "text", "sms", WHEN, {}, opted_out=False, case_open=False)
    return turn(state, message, reading, decide(state, message, reading), [], FACTS).state


def test_no_papers_is_remembered_when_the_place_comes_later() -> None:
    asked = Reading("en", True, "find", "work", None, None, 0.9, "model", details=frozenset({"no_papers", "child"}))
    state = _step(State(language="en"), "work, no papers", asked)
    assert {"no_papers", "child"} <= set(from_json(state.as_json()).details)
    later = recall(state, NOTHING)
    assert {"no_papers", "child"} <= later.details


def test_who_a_need_was_for_goes_with_the_need_and_papers_stay() -> None:
    state = State(language="en", need="food", details=("child", "no_papers", "now"))
    other = Reading("en", True, "find", "legal", None, None, 0.9, "model")
    assert noted(recall(state, other)) == ("no_papers",)


def test_erased_words_take_their_details_with_them() -> None:
    state = State(language="en", need="food", details=("no_papers",), waiting="forget")
    message = Message("1", "text", "sms", WHEN, {}, opted_out=False, case_open=False)
    reading = recall(state, NOTHING)
    done = turn(state, message, reading, decide(state, message, reading), [], FACTS)
    assert any(isinstance(event, Erase) for event in done.events)
    assert done.state.details == ()
