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
    ("en", "a place to sleep, i am a woman", "woman"),
    ("ht", "yon kote pou dòmi pou fanm", "woman"),
    ("acf", "mwen sé an fanm", "woman"),
    ("fr", "un abri pour une femme", "woman"),
    ("es", "soy madre soltera", "woman"),
    ("en", "counselling for men", "man"),
    ("ht", "mwen se gason, m bezwen pale", "man"),
    ("acf", "pou an nonm", "man"),
    ("fr", "je suis un homme", "man"),
    ("es", "para hombres", "man"),
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
    ("en", "a number to call, i cant travel", "by_phone"),
    ("ht", "m pa ka deplase, yon nimewo pou m rele", "by_phone"),
    ("acf", "mwen pa sa vini", "by_phone"),
    ("fr", "je ne peux pas me déplacer", "by_phone"),
    ("es", "ayuda por teléfono", "by_phone"),
    ("en", "i use a wheelchair", "access"),
    ("ht", "manman m pa ka mache", "access"),
    ("acf", "i pa sa maché", "access"),
    ("fr", "elle est en fauteuil roulant", "access"),
    ("es", "uso silla de ruedas", "access"),
    ("en", "a doctor, i cant pay", "free"),
    ("ht", "mwen pa gen lajan pou m peye", "free"),
    ("acf", "mwen pa ni lajan", "free"),
    ("fr", "un médecin gratuit", "free"),
    ("es", "no puedo pagar", "free"),
    ("en", "somewhere to sleep tonight", "tonight"),
    ("ht", "yon kote pou dòmi aswè a", "tonight"),
    ("en", "my son is 7 years old", "age:7"),
    ("en", "for my 14 year old", "age:14"),
    ("en", "baby 8 months old", "age:0"),
    ("ht", "pitit mwen gen 7 an", "age:7"),
    ("ht", "yon timoun ki gen 4 an", "age:4"),
    ("acf", "i ni 6 an", "age:6"),
    ("fr", "ma fille de 9 ans", "age:9"),
    ("es", "mi hijo tiene 5 años", "age:5"),
]
NO_AGE = ["i live here 5 years", "mwen gen 5 an nan peyi a", "5 people", "li gen 3 timoun", "2 years without work"]
NOTHING_SAID = [
    "a man robbed me",
    "the woman at the clinic was rude",
    "i need a doctor",
    "mwen bezwen manje",
    "where is the police station",
    "kote lopital la ye",
    "ok mesi",
]
WHEN = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(("language", "text", "detail"), SAID)
def test_is_heard(language: str, text: str, detail: str) -> None:
    assert detail in details.find(normalise(text, language))


@pytest.mark.parametrize("text", NOTHING_SAID)
def test_nothing_is_made_up(text: str) -> None:
    assert details.find(normalise(text)) <= {"asks"}


@pytest.mark.parametrize("text", NO_AGE)
def test_a_number_is_not_taken_for_an_age(text: str) -> None:
    assert details.age(details.find(normalise(text))) is None


SEARCH = [
    ({"by_phone"}, {"by_phone": True}),
    ({"access"}, {"access": True}),
    ({"free"}, {"free": True}),
    ({"no_papers"}, {"no_papers": True}),
    ({"speaks_kreyol"}, {"language": "ht"}),
    ({"age:7"}, {"age": 7, "audience": frozenset({"children"})}),
    ({"age:15"}, {"age": 15, "audience": frozenset({"children", "youth"})}),
    ({"age:70"}, {"age": 70, "audience": frozenset({"elderly"})}),
    ({"pregnant"}, {"audience": frozenset({"women"})}),
    ({"woman"}, {"audience": frozenset({"women"})}),
    ({"man"}, {"audience": frozenset({"men"})}),
    ({"tonight"}, {"at": datetime(2026, 11, 24, 0, tzinfo=UTC)}),
    (set(), {"by_phone": False, "access": False, "free": False, "age": None, "at": WHEN, "language": "en"}),
]


@pytest.mark.parametrize(("said", "wanted"), SEARCH)
def test_what_was_said_is_asked_of_the_directory_also_when_the_place_comes_later(
    said: set[str], wanted: dict[str, object]
) -> None:
    reading = Reading("en", True, "find", "health", None, None, 0.9, "model", details=frozenset(said))
    first = Message("a doctor", "text", "sms", WHEN, {}, opted_out=False, case_open=False)
    move = decide(State(language="en"), first, reading)
    state = turn(State(language="en"), first, reading, move, [], FACTS).state
    later = recall(from_json(state.as_json()), Reading("en", True, "find", "health", None, None, 0.9, "model"))
    for query in (move.query, decide(state, first, later).query):
        assert query is not None
        assert {name: getattr(query, name) for name in wanted} == wanted


def test_another_age_takes_the_place_of_the_one_before() -> None:
    state = State(language="en", need="health", details=("age:7",))
    assert noted(recall(state, Reading("en", True, "find", "health", None, None, 0.9, "model",
                                       details=frozenset({"age:12"})))) == ("age:12",)  # fmt: skip


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
