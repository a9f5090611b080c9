"""Which language a message is in: py3langid (BSD) limited to the languages served, and words that tell creoles apart.

py3langid knows Haitian Creole well and Kweyol not at all: its neighbour Guadeloupean Creole stands in for it, and the
words of bot/data/language_words.yml and the weights of `bot.creole` decide between the two creoles. Measured by
tests/bot/language_report.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import yaml
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bot.creole import kweyol
from bot.normalise import plain_words

LANGUAGES = ("en", "ht", "acf", "fr", "es")
WORDS = Path(__file__).parent / "data" / "language_words.yml"
ENOUGH = 3  # words from which a guess may change the conversation's language
SURE = 1.5  # how far ahead, in log units, the first language must be
_NUMBERS = re.compile(r"\d+")
_TRUST = 1.5  # py3langid sums over the letters of a text: its evidence is scaled by their root, as it does itself
_CAP = 6.0  # the most py3langid may say for or against a language
_STRONG, _WEAK = 1.5, 0.5
_RARE = {"acf": 0.2, "fr": 0.7, "es": 0.5}  # fewer of our messages are in these: place names are not French
_CREOLES = {"ht", "acf"}
_OTHER_CREOLE = 2.5  # as SURE, for a conversation in one creole to become one in the other
_OUT_OF_REACH = 10.0  # log units behind another language: which creole it would be makes no difference
_WORDS_OF_CREOLE = 0.5  # how much the telling words count between the creoles, beside the weights
_KWEYOL_IS_RARER = 0.5  # in log units, for a text too short to tell
_SAID_BY_ANYONE = frozenset(
    "ok okay wi yes no non si mesi bonjou bonswa hello hi merci thanks bye help menu stop".split()
)


@dataclass(frozen=True)
class LanguageGuess:
    """`code` (taxonomy; None when nothing can be told), whether it is `sure`, and each language's share (sums to 1)."""

    code: str | None
    sure: bool
    scores: dict[str, float] = field(default_factory=dict)


def detect(text: str, previous: str | None = None) -> LanguageGuess:
    """The language of a text. Sticks to `previous` (the conversation's language) when the text is short or unclear."""
    words = plain_words(text)
    if not any(word.isalpha() and len(word) > 1 for word in words):
        return LanguageGuess(previous, False)
    points = _points(text, words)
    scores = _shares(points)
    first, second = sorted(points, key=points.__getitem__, reverse=True)[:2]
    ahead = points[first] - points[second]
    telling = [word for word in words if word not in _SAID_BY_ANYONE and word.isalpha()]
    creoles = {first, previous} == _CREOLES
    if len(telling) >= ENOUGH and ahead >= (_OTHER_CREOLE if creoles else SURE):
        return LanguageGuess(first, True, scores)
    if previous:
        return LanguageGuess(previous, False, scores)
    return LanguageGuess(first if ahead >= SURE / 4 or {first, second} == _CREOLES else None, False, scores)


def _points(text: str, words: list[str]) -> dict[str, float]:
    """Log points of each language: what py3langid says, capped, and the telling words."""
    said = _identifier_points(text)
    weights = _weights()
    points = dict(said)
    for word in words:
        for language, weight in weights.get(word, ()):
            points[language] += weight
    best = max(points["ht"], points["acf"])
    if best < max(points.values()) - _OUT_OF_REACH:
        return {**points, "ht": best, "acf": best}
    towards = _towards_kweyol(text, points, len(words))
    return {**points, "ht": best + min(0.0, -towards), "acf": best + min(0.0, towards)}


def _towards_kweyol(text: str, points: Mapping[str, float], words: int) -> float:
    """How much rather Kweyol than Haitian Creole a text is, were it one of them; below 0: rather Haitian Creole."""
    rarer = _KWEYOL_IS_RARER if words < ENOUGH else 0.0
    return _WORDS_OF_CREOLE * (points["acf"] - points["ht"]) + kweyol(text[:500]) - rarer


def _identifier_points(text: str) -> Mapping[str, float]:
    text = _NUMBERS.sub(" ", text[:500].lower())  # py3langid hears a language in some numbers
    ranked = dict(_identifier().rank(text))
    best, scale = max(ranked.values()), _TRUST / sqrt(len(text.encode()) or 1)
    said = {code: max((float(value) - best) * scale, -_CAP) for code, value in ranked.items()}
    creole = max(said["ht"], said["gcf"])
    said = {**said, "ht": max(said["ht"], creole - 1.0), "acf": max(said["gcf"], creole - 1.0)}
    return {language: said[language] - _RARE.get(language, 0.0) for language in LANGUAGES}


def _shares(points: Mapping[str, float]) -> dict[str, float]:
    best = max(points.values())
    parts = {language: exp(value - best) for language, value in points.items()}
    return {language: round(part / sum(parts.values()), 4) for language, part in parts.items()}


@cache
def _identifier() -> Any:
    """py3langid's model, loaded at the first message of a process (0.4 s)."""
    identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE)  # type: ignore[no-untyped-call]
    identifier.set_languages(["en", "ht", "gcf", "fr", "es"])
    return identifier


@cache
def _weights() -> dict[str, list[tuple[str, float]]]:
    """Each telling word with the languages it speaks for; a word that several share counts less."""
    table: dict[str, list[tuple[str, float]]] = {}
    for language, lists in yaml.safe_load(WORDS.read_text(encoding="utf-8")).items():
        for kind, weight in (("strong", _STRONG), ("weak", _WEAK)):
            for word in lists[kind].split():
                for folded in plain_words(word):
                    table.setdefault(folded, []).append((language, weight))
    return {word: [(code, weight / log(1 + len(said), 2)) for code, weight in said] for word, said in table.items()}
