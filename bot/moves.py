"""Decides what one message asks for: a pure function of the state, the message and its reading."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from base.clock import DOMINICA
from bot import details
from bot.reading import Reading
from bot.state import State
from bot.steps import BY_NAME
from directory.places import Place, nearest
from directory.search import Query
from messaging import optout

MENU = ("health", "food", "shelter", "money", "documents", "work", "children", "legal")
MENU_MORE = ("education", "disability", "elderly", "disaster", "mental_health", "safety")
LANGUAGE_MENU = ("en", "ht", "acf", "fr", "es")
LANGUAGE_WORDS = {
    "english": "en", "angle": "en", "anglais": "en", "ingles": "en",
    "kreyol": "ht", "creole": "ht", "ayisyen": "ht", "haitian": "ht", "haitian creole": "ht", "kreyol ayisyen": "ht",
    "kweyol": "acf", "patwa": "acf", "patois": "acf", "kweyol donmnik": "acf", "dominican creole": "acf",
    "francais": "fr", "french": "fr", "franse": "fr",
    "espanol": "es", "spanish": "es", "panyol": "es",
}  # fmt: skip
# Whole messages only: "si li vini l ap touye m" is no yes, and "pa rele yo" is no plain no. An "ok" agrees to have
# messages erased, but to "are you safe?" it may only mean that the answer was read.
YES = frozenset("yes y yeah yep wi oui si ye weh".split())
NO = frozenset("no n non nope nah awa".split())
SAFE = (
    "safe|i am safe|im safe|i safe|we are safe|safe now|i am safe now|im safe now|he is safe|she is safe|"
    "the child is safe|an sekirite|mwen an sekirite|m an sekirite|nou an sekirite|li an sekirite|i an sekirite|"
    "je suis en securite|en securite|a l abri|je suis a l abri|estoy a salvo|a salvo|estamos a salvo"
).split("|")
UNSAFE = (
    "not safe|i am not safe|im not safe|i not safe|i aint safe|we are not safe|not safe now|unsafe|he is not safe|"
    "she is not safe|the child is not safe|pa an sekirite|mwen pa an sekirite|m pa an sekirite|nou pa an sekirite|"
    "li pa an sekirite|i pa an sekirite|mwen an danje|m an danje|i am in danger|im in danger|in danger|en danger|"
    "je ne suis pas en securite|pas en securite|no estoy a salvo|en peligro|estoy en peligro"
).split("|")
SAFE_SAID = "i am safe|im safe|mwen an sekirite|m an sekirite|je suis en securite".split("|")  # "no safe" says neither


def _with(plain: frozenset[str], *longer: str) -> frozenset[str]:
    """Plain words, longer ones after them, as in "yes i am"."""
    return plain | {f"{word} {one}" for word in plain for one in longer}


ANSWERS = {  # to each question: yes, no. "Are you safe?" and "is someone hurting you?" mean the opposite of each other
    "safe": (_with(YES, *SAFE, "i am") | {*SAFE}, _with(NO, *UNSAFE, "i am not") | {*UNSAFE}),
    "gentle": (_with(YES, *UNSAFE, "i am") | {*UNSAFE}, _with(NO, "i am not", *SAFE_SAID) | {*SAFE}),
    "forget": (YES | frozenset("ok okay dako".split()), NO),
}
# What a text says of the person, and what the directory calls those a service is for.
AUDIENCE = {
    "child": "children", "older": "elderly", "disability": "disability", "pregnant": "women", "woman": "women",
    "man": "men",
}  # fmt: skip
EVENING = 20  # o'clock: what "tonight" asks to be open
# With a place these ask for what was wanted before, there: "what about Roseau", "more in Roseau", "no, Roseau".
WITH_PLACE = frozenset("other find greet affirm deny about more help".split())
_DIGITS = re.compile(r"(\d{1,2})")


@dataclass(frozen=True)
class Message:
    """One inbound message as the conversation sees it."""

    text: str
    kind: str
    channel: str
    at: datetime
    extra: Mapping[str, Any] = field(default_factory=dict)
    opted_out: bool = False
    case_open: bool = False
    exit: bool = False  # the quick-exit word and nothing else
    staffed: bool = False  # a person has this conversation
    silent: bool = False  # ... and has not written for long


@dataclass(frozen=True)
class Move:
    """What to do: its name, what to search for, and which service or language it is about."""

    name: str
    query: Query | None = None
    about: str | None = None
    place: Place | None = None


def decide(state: State, message: Message, reading: Reading) -> Move:
    """The move a message asks for. A plain answer to our own question about safety comes first, for "not safe" is no
    new disclosure; then a concern, before everything else; opt-out words next. The quick-exit word comes before all,
    for a second may count."""
    if message.exit:
        return Move("leave")
    if message.staffed:
        return _to_person(state, message, reading)
    answer = _answered(state, message)
    if answer and (state.waiting in BY_NAME or state.waiting in {"safe", "gentle"}):
        return answer
    if reading.concern:
        asked = "asks" in reading.details or reading.place is not None
        return Move("disclose", _query(state, message, reading, reading.need if asked else None))
    opt = optout.asked(message.text, message.extra, opted_out=message.opted_out)
    if opt:
        return Move(f"opt_{opt}")
    if message.kind == "location":
        return _location(state, message, reading)
    if message.kind == "media" and not message.text.strip():
        return Move("media")
    return answer or _typed(state, message, reading) or _meant(state, message, reading)


def _to_person(state: State, message: Message, reading: Reading) -> Move:
    """A person answers. `about` is safe or unsafe where the message says so; opt-out words still count."""
    opt = optout.asked(message.text, message.extra, opted_out=message.opted_out)
    if opt and not reading.concern:
        return Move(f"opt_{opt}")
    word = _word(message)
    answer = _answered(state, message) if state.waiting == "safe" else None
    if word in UNSAFE or (answer and answer.name == "safe_no") or (state.waiting == "safe" and word == "2"):
        return Move("to_person", about="unsafe")
    sure = (answer and answer.name == "safe_yes") or (state.waiting == "safe" and word == "1")
    return Move("to_person", about="safe" if sure else None)


def is_taken(word: str) -> bool:
    """Whether a word means something by itself already: to Twilio, as an answer, or as the name of a language."""
    carrier = optout.TWILIO_OUT | optout.TWILIO_IN | optout.TWILIO_HELP | optout.OUR_OUT | optout.OUR_IN
    answers = {one for pair in ANSWERS.values() for words in pair for one in words}
    steps = {"skip"} | {one for step in BY_NAME.values() for one in step.typed}
    return fold(word) in carrier | answers | steps | LANGUAGE_WORDS.keys()


def is_word(text: str, word: str) -> bool:
    """Whether a text is this word and nothing else, however it is written."""
    return fold(text) == fold(word)


def _word(message: Message) -> str:
    """What was typed or pressed, as whole messages are compared: no accents, no punctuation."""
    return fold(str(message.extra.get("button") or message.text))


def fold(text: str) -> str:
    """Small letters, no accents, no punctuation, one space between words."""
    small = text.lower()
    if small.isascii():
        kept = small.replace("'", "")
    else:
        folded = unicodedata.normalize("NFD", small)
        kept = "".join(letter for letter in folded if not unicodedata.combining(letter) and letter not in "'’")
    return " ".join(re.sub(r"[^\w]+", " ", kept).split())


def _answered(state: State, message: Message) -> Move | None:
    """A yes or no in words to the question that waits. A number, a word or 0 to one of the steps; "not safe" is heard
    at each of them."""
    if state.waiting in BY_NAME:
        word = _word(message)
        if word in UNSAFE:
            return Move("safe_no")
        code = BY_NAME[state.waiting].code(word)
        return Move("step", about=code) if code else None
    if state.waiting not in ANSWERS:
        return None
    word, (yes, no) = _word(message), ANSWERS[state.waiting]
    return _answer(state.waiting, yes=word in yes) if word in yes | no else None


def _location(state: State, message: Message, reading: Reading) -> Move:
    place = nearest(message.extra["latitude"], message.extra["longitude"])
    if place and state.need:
        return Move("find", _query(state, message, reading, state.need, place), place=place)
    return Move("place", place=place) if place else Move("unclear")


def _typed(state: State, message: Message, reading: Reading) -> Move | None:
    """Numbers and names of languages: the whole message."""
    word = _word(message)
    digits = _DIGITS.fullmatch(word)
    if digits:
        return _number(state, message, reading, int(digits[1]))
    return Move("set_language", about=LANGUAGE_WORDS[word]) if word in LANGUAGE_WORDS else None


def _number(state: State, message: Message, reading: Reading, number: int) -> Move:
    """What a number means depends on what was asked last; where nothing was, it gets the list to choose from."""
    if state.waiting in BY_NAME:
        return _result(state, number)
    if number == 0 or not state.waiting:
        return Move("menu")
    if state.waiting in {"safe", "results"}:
        return _result(state, number)
    if state.waiting in {"gentle", "forget"}:
        return _answer(state.waiting, yes=number == 1) if number in {1, 2} else Move("choose_again")
    if state.waiting == "language":
        chosen = number <= len(LANGUAGE_MENU)
        return Move("set_language", about=LANGUAGE_MENU[number - 1]) if chosen else Move("choose_again")
    if state.waiting == "menu_more":
        return _menu_more(state, message, reading, number)
    if number <= len(MENU):
        return Move("find", _query(state, message, reading, MENU[number - 1]))
    return Move("menu_more") if number == 9 else Move("choose_again")


def _result(state: State, number: int) -> Move:
    """A service by its number. Beside the questions asked of somebody in danger they begin at 6: smaller numbers
    answer those."""
    if number in {1, 2} and (state.waiting == "safe" or state.first > number):
        return _answer("safe", yes=number == 1)
    index = number - state.first
    if 0 <= index < len(state.results):
        return Move("detail", about=state.results[index])
    return Move("choose_again") if state.waiting == "results" else Move("unclear")


def _menu_more(state: State, message: Message, reading: Reading, number: int) -> Move:
    if number <= len(MENU_MORE):
        return Move("find", _query(state, message, reading, MENU_MORE[number - 1]))
    return Move("human") if number == 7 else Move("choose_again")


def _answer(waiting: str, *, yes: bool) -> Move:
    names = {"safe": ("safe_yes", "safe_no"), "gentle": ("confirmed", "gentle_no"), "forget": ("forget", "kept")}
    return Move(names[waiting][0 if yes else 1])


def _meant(state: State, message: Message, reading: Reading) -> Move:
    """What the words mean, when they were not a plain choice."""
    if reading.intent == "find" and reading.need:
        return Move("find", _query(state, message, reading, reading.need), place=reading.place)
    if reading.gentle or (state.waiting == "gentle" and reading.intent == "affirm"):
        return Move("gentle")
    if reading.place and reading.intent in WITH_PLACE:
        if state.need:
            return Move("find", _query(state, message, reading, state.need), place=reading.place)
        return Move("place", place=reading.place)
    asking = state.waiting == "safe" or state.waiting in BY_NAME
    if asking and reading.intent in {"help", "affirm", "deny"}:
        return Move("unclear")  # asked again: neither a plain yes nor a plain no
    if reading.intent == "more":
        return Move("more" if state.results else "menu")
    simple = {
        "greet": "hello", "help": "menu", "thanks": "thanks", "goodbye": "goodbye", "human": "human", "about": "about",
        "rights": "rights", "change_language": "languages", "forget_me": "forget_ask", "feedback_good": "good",
        "feedback_bad": "bad", "affirm": "fine", "deny": "fine",
    }  # fmt: skip
    if reading.intent in simple:
        return Move(simple[reading.intent])
    return Move("media") if message.kind == "media" else Move("unclear")


def _query(
    state: State, message: Message, reading: Reading, need: str | None, place: Place | None = None
) -> Query | None:
    """What to look for. The place is the one just named, else the one named before."""
    if not need:
        return None
    named, years = place or reading.place, details.age(reading.details)
    at_point = point(state, message, reading)
    return Query(
        needs=(need,),
        parish=named.parish if named else state.parish,
        place=named.name if named else state.place,
        latitude=at_point[0] if at_point else None,
        longitude=at_point[1] if at_point else None,
        language=_spoken(state, reading),
        no_papers="no_papers" in reading.details,
        at=_when(message.at, reading),
        audience=frozenset(AUDIENCE[detail] for detail in reading.details & AUDIENCE.keys()) | _of_age(years),
        age=years,
        by_phone="by_phone" in reading.details,
        access="access" in reading.details,
        free="free" in reading.details,
    )


def point(state: State, message: Message, reading: Reading) -> tuple[float, ...]:
    """Where the person is, as far as they shared it and named no other place since; to three decimals, 100 m."""
    if message.kind == "location":
        return round(message.extra["latitude"], 3), round(message.extra["longitude"], 3)
    return () if reading.place else state.point


def _spoken(state: State, reading: Reading) -> str | None:
    """The language to be spoken there: Creole where it was asked for in another language."""
    written = state.language or reading.language
    return "ht" if "speaks_kreyol" in reading.details and written != "acf" else written


def _when(at: datetime, reading: Reading) -> datetime:
    """The moment a service should be open: now, or this evening where that was said."""
    evening = at.astimezone(DOMINICA).replace(hour=EVENING, minute=0, second=0, microsecond=0)
    return max(at, evening) if "tonight" in reading.details else at


def _of_age(years: int | None) -> frozenset[str]:
    """The groups a person of this age is of, as services say whom they are for."""
    if years is None:
        return frozenset()
    groups = {"children": years < 18, "youth": 13 <= years < 30, "elderly": years >= 60}
    return frozenset(group for group, true in groups.items() if true)
