"""Takes out of a sentence what could tell whose it is: names, numbers, addresses of houses, of the web and of mail.

It leaves out rather too much than too little, and it does not know every name: a second person reads each example
before it teaches anything (bot.learning). Places of the gazetteer stay: a parish is not an address.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml

from directory.places import all_places, find_place, parishes
from directory.places_gazetteer import SURE

DATA = Path(__file__).parent / "data" / "learning_strip.yml"
LONGEST = 300  # characters of an example
_LINK = re.compile(
    r"(?:https?://|www\.)\S+|\S+@\S+|(?<!\w)@\w+|\b[\w-]+\.(?:com|org|net|dm|ht|gov)\b\S*", re.IGNORECASE
)
_NUMBER = re.compile(r"\+?\d[\d\s().,/:-]*\d|\d")
_WORD = r"[^\W\d_][\w'-]*"


def strip(text: str) -> str:
    """The sentence without names, numbers and addresses, on one line; empty when nothing is left."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))[: 4 * LONGEST]
    text = _LINK.sub(" ", text)
    for pattern in _addresses():
        text = pattern.sub(" ", text)
    text = _NUMBER.sub(" ", text)
    for pattern in _introduced():
        text = pattern.sub(lambda found: found[1], text)
    kept = [word for word in _words(text) if not _is_name(*word)]
    plain = re.sub(r"\s+([,.?!;:])", r"\1", " ".join(word for word, _ in kept))
    return plain[:LONGEST].strip(" ,;:-")


def _words(text: str) -> list[tuple[str, bool]]:
    """Each word, with whether it opens a sentence or everything is in capitals (then a capital tells nothing)."""
    words, opens, shouted = [], True, text.upper() == text
    for word in text.split():
        words.append((word, opens or shouted))
        opens = word[-1] in ".!?"
    return words


def _is_name(word: str, capital_expected: bool) -> bool:
    bare = re.sub(r"'s$|^\W+|\W+$", "", word)
    folded = _fold(bare)
    if not bare or folded in _kept():
        return False
    if folded in _names():
        return True
    return not _is_place(folded) and (bare[0].isupper() and bare != "I" and not capital_expected)


def _is_place(folded: str) -> bool:
    place = find_place(folded)
    return place is not None and place.score == SURE


@cache
def _raw() -> dict[str, list[str]]:
    raw: dict[str, list[str]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return raw


@cache
def _names() -> frozenset[str]:
    return frozenset(_fold(name) for name in _raw()["names"])


@cache
def _kept() -> frozenset[str]:
    """Words with a capital that are nobody's name: places, peoples, days."""
    places = [place.name for place in all_places()] + [parish.name for parish in parishes()]
    return frozenset(_fold(part) for name in [*places, *_raw()["capitals"]] for part in name.split()) - _names()


@cache
def _addresses() -> list[re.Pattern[str]]:
    before = "|".join(_raw()["street_after_name"])
    after = "|".join(_raw()["street_before_name"])
    return [
        re.compile(rf"(?:\b\d+\w?,?\s+)?(?:{_WORD}\s+)?\b{_WORD}\s+(?:{before})\b\.?", re.IGNORECASE),
        re.compile(rf"(?:\b\d+\w?,?\s+)?\b(?:{after})\s+(?:\d+\w?|(?:(?:de|du|la|des)\s+)*{_WORD})", re.IGNORECASE),
    ]


@cache
def _introduced() -> list[re.Pattern[str]]:
    """What says that a name follows: "my name is", "mwen rele", "Mrs"."""
    says = "|".join(re.escape(word) for word in sorted(_raw()["introduces"], key=len, reverse=True))
    titles = "|".join(re.escape(word) for word in sorted(_raw()["titles"], key=len, reverse=True))
    rest = r"(?:\s+(?-i:[A-Z\u00c0-\u00de])[\w'-]*)*"
    little = "and|or|is|who|ki|a|la|an|mwen|m|li|of|to|in|nan"
    return [
        re.compile(rf"\b({says})\s+{_WORD}{rest}", re.IGNORECASE),
        re.compile(rf"\b({titles})\.?\s+(?!(?:{little})\b){_WORD}{rest}", re.IGNORECASE),
    ]


def _fold(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))
