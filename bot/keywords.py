"""Needs and wishes by keyword: what goes on when Rasa is away, and what settles a doubt when it is there.

The words are in bot/data/keywords.yml: per intent or need, per language, whole words or phrases of normalised text;
a trailing `*` stands for any ending, a leading `=` means: only as the whole message.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from bot import details
from bot.normalise import normalise

DATA = Path(__file__).parent / "data" / "keywords.yml"
WHOLE, INSIDE = 0.9, 0.6  # confidence in a keyword that is the whole message, and in one among other words
NEEDS = (
    "food shelter money health mental_health disability elderly children education work legal documents disaster safety"
).split()


@dataclass(frozen=True)
class Hit:
    """What the keywords say: an intent, a need when the intent is `find`, and how sure (0 to 1)."""

    intent: str
    need: str | None
    confidence: float


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], re.Pattern[str]]]:
    """Per code: the pattern that finds its words, and the one that is the whole message."""
    raw: dict[str, dict[str, list[object]]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    compiled = []
    for code, by_language in raw.items():
        words = [(str(word), language) for language, listed in by_language.items() for word in listed]
        whole = _either(_as_pattern(word, language) for word, language in words)
        inside = _either(_as_pattern(word, language) for word, language in words if not word.startswith("="))
        compiled.append((code, re.compile(rf"\b(?:{inside})\b"), re.compile(rf"\W*(?:{whole})\W*")))
    return compiled


def _either(patterns: Iterable[str]) -> str:
    """Longest first; a pattern that never matches when there are none."""
    return "|".join(sorted(set(patterns), key=len, reverse=True)) or "(?!)"


def _as_pattern(word: str, language: str) -> str:
    ending = r"\w*" if word.endswith("*") else ""
    return re.escape(normalise(word.strip("=*"), language)) + ending


def find(normal: str) -> Hit | None:
    """The code with the most words in the text; needs before plain intents unless those are the whole message. A
    disability that is only told of ("i use a wheelchair") leaves the word to the need beside it."""
    hit = _find(normal)
    beside = _find(details.without(normal, "lives_with")) if hit and hit.need == "disability" else None
    return beside if beside and beside.need and beside.need != "disability" else hit


def _find(normal: str) -> Hit | None:
    best: tuple[float, str] | None = None
    for code, pattern, whole in _patterns():
        if whole.fullmatch(normal):
            return _hit(code, WHOLE)
        letters = sum(len(found) for found in pattern.findall(normal))
        score = letters + (100 if code in NEEDS else 0)
        if letters and (best is None or score > best[0]):
            best = (score, code)
    return _hit(best[1], INSIDE) if best else None


def _hit(code: str, confidence: float) -> Hit:
    return Hit("find", code, confidence) if code in NEEDS else Hit(code, None, confidence)
