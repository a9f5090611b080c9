"""Decides what one message asks for: a pure function of the state, the message and its reading."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.reading import Reading
from bot.state import State
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
# Whole messages only: "si li vini l ap touye m" is no yes, and "pa rele yo" is no plain no.
YES = frozenset("yes y yeah yep wi oui si ye ok okay dako weh".split()) | {
    "safe", "i am safe", "im safe", "yes i am", "mwen an sekirite", "m an sekirite", "wi mwen an sekirite", "i safe",
}  # fmt: skip
NO = frozenset("no n non nope nah awa".split()) | {
    "not safe", "i am not safe", "im not safe", "no i am not", "mwen pa an sekirite", "m pa an sekirite",
    "non mwen pa an sekirite", "i not safe", "unsafe", "pa an sekirite",
}  # fmt: skip
# What a text says of the person, and what the directory calls those a service is for.
AUDIENCE = {"child": "children", "older": "elderly", "disability": "disability", "pregnant": "women"}
_DIGITS = re.compile(r"\W*(\d{1,2})\W*")


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


@dataclass(frozen=True)
class Move:
    """What to do: its name, what to search for, and which service or language it is about."""

    name: str
    query: Query | None = None
    about: str | None = None
    place: Place | None = None


def decide(state: State, message: Message, reading: Reading) -> Move:
    """The move a message asks for. A concern comes before everything else, opt-out words next."""
    if reading.concern:
        return Move("disclose", _query(state, message, reading, reading.need))
    opt = optout.asked(message.text, message.extra, opted_out=message.opted_out)
    if opt:
        return Move(f"opt_{opt}")
    if message.kind == "location":
        return _location(state, message, reading)
    if message.kind == "media" and not message.text.strip():
        return Move("media")
    return _typed(state, message, reading) or _meant(state, message, reading)


def _location(state: State, message: Message, reading: Reading) -> Move:
    place = nearest(message.extra["latitude"], message.extra["longitude"])
    if place and state.need:
        return Move("find", _query(state, message, reading, state.need, place), place=place)
    return Move("place", place=place) if place else Move("unclear")


def _typed(state: State, message: Message, reading: Reading) -> Move | None:
    """Numbers, yes and no, names of languages: the whole message."""
    word = optout.word(str(message.extra.get("button") or message.text))
    digits = _DIGITS.fullmatch(word)
    if digits:
        return _number(state, message, reading, int(digits[1]))
    if word in LANGUAGE_WORDS:
        return Move("set_language", about=LANGUAGE_WORDS[word])
    if state.waiting in {"safe", "gentle", "forget"} and (word in YES or word in NO):
        return _answer(state.waiting, yes=word in YES)
    return None


def _number(state: State, message: Message, reading: Reading, number: int) -> Move:
    if number == 0:
        return Move("menu")
    if state.waiting in {"safe", "gentle", "forget"}:
        return _answer(state.waiting, yes=number == 1) if number in {1, 2} else Move("choose_again")
    if state.waiting == "language":
        chosen = number <= len(LANGUAGE_MENU)
        return Move("set_language", about=LANGUAGE_MENU[number - 1]) if chosen else Move("choose_again")
    if state.waiting == "results":
        chosen = number <= len(state.results)
        return Move("detail", about=state.results[number - 1]) if chosen else Move("choose_again")
    if state.waiting == "menu_more":
        return _menu_more(state, message, reading, number)
    if number <= len(MENU):
        return Move("find", _query(state, message, reading, MENU[number - 1]))
    return Move("menu_more") if number == 9 else Move("choose_again")


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
    if reading.gentle:
        return Move("gentle")
    if reading.place and reading.intent in {"other", "find", "greet", "affirm"}:
        if state.need:
            return Move("find", _query(state, message, reading, state.need), place=reading.place)
        return Move("place", place=reading.place)
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
    named = place or reading.place
    return Query(
        needs=(need,),
        parish=named.parish if named else state.parish,
        place=named.name if named else state.place,
        language=state.language or reading.language,
        no_papers="no_papers" in reading.details,
        at=message.at,
        audience=frozenset(AUDIENCE[detail] for detail in reading.details & AUDIENCE.keys()),
    )
