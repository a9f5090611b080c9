"""Needs and wishes by keyword: what goes on when Rasa is away, and what settles a doubt when it is there.

The words are in bot/data/keywords.yml: per intent or need, per language, whole words or phrases of normalised text;
a trailing `*` stands for any ending, a leading `=` means: only as the whole message.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, lru_cache
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


@dataclass(frozen=True)
class _Code:
    """An intent or need: the patterns of its words by the word, or the letters of one, that they begin with, and the
    pattern that is the whole message."""

    code: str
    by_word: Mapping[str, Sequence[str]]
    by_stem: Mapping[str, Sequence[str]]
    whole: re.Pattern[str]


@dataclass(frozen=True)
class _Words:
    """The codes, and which of them (by number) a word can begin: one that stands there, or one with such a beginning.
    No pattern can match in a text none of whose words begins one."""

    codes: tuple[_Code, ...]
    by_word: Mapping[str, frozenset[int]]
    by_stem: Mapping[str, frozenset[int]]
    stems: tuple[int, ...]  # their lengths

    def candidates(self, words: Set[str]) -> list[int]:
        found: set[int] = set()
        for word in words:
            found |= self.by_word.get(word, _NONE)
            for length in self.stems:
                found |= self.by_stem.get(word[:length], _NONE)
        return sorted(found)


_WORD = re.compile(r"\w+")
_NONE: frozenset[int] = frozenset()


@cache
def _words() -> _Words:
    raw: dict[str, dict[str, list[object]]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    codes = []
    by_word, by_stem = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
    for number, (code, by_language) in enumerate(raw.items()):
        words = [(str(word), language) for language, listed in by_language.items() for word in listed]
        whole = _either(_as_pattern(word, language) for word, language in words)
        mine, mine_by_stem = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for word, language in words:
            first, *more = _WORD.findall(_plain(word, language))
            by_letters = word.endswith("*") and not more
            (by_stem if by_letters else by_word)[first].add(number)
            if not word.startswith("="):
                (mine_by_stem if by_letters else mine)[first].append(_as_pattern(word, language))
        codes.append(_Code(code, mine, mine_by_stem, re.compile(rf"\W*(?:{whole})\W*")))
    return _Words(tuple(codes), _frozen(by_word), _frozen(by_stem), tuple(sorted({len(stem) for stem in by_stem})))


@lru_cache(maxsize=20_000)  # people use few words
def _beginning(number: int, word: str) -> re.Pattern[str] | None:
    """What finds the words of a code (by number) that begin with this one; None where none do."""
    one = _words().codes[number]
    found = [*one.by_word.get(word, ())]
    for end in range(1, len(word) + 1):
        found += one.by_stem.get(word[:end], ())
    return re.compile(rf"(?:{_either(found)})\b") if found else None


def _frozen(table: Mapping[str, set[int]]) -> dict[str, frozenset[int]]:
    return {word: frozenset(numbers) for word, numbers in table.items()}


def _either(patterns: Iterable[str]) -> str:
    """Longest first; a pattern that never matches when there are none."""
    return "|".join(sorted(set(patterns), key=len, reverse=True)) or "(?!)"


def _as_pattern(word: str, language: str) -> str:
    return re.escape(_plain(word, language)) + (r"\w*" if word.endswith("*") else "")


def _plain(word: str, language: str) -> str:
    return normalise(word.strip("=*"), language)


def find(normal: str) -> Hit | None:
    """The code with the most words in the text; needs before plain intents unless those are the whole message. A
    disability that is only told of ("i use a wheelchair") leaves the word to the need beside it."""
    hit = _find(normal)
    beside = _find(details.without(normal, "lives_with")) if hit and hit.need == "disability" else None
    return beside if beside and beside.need and beside.need != "disability" else hit


def _find(normal: str) -> Hit | None:
    best: tuple[float, str] | None = None
    starts = [(found.start(), found.group()) for found in _WORD.finditer(normal)]
    at_the_head = _words().candidates({word for _, word in starts[:1]})
    for number in _words().candidates({word for _, word in starts}):
        one = _words().codes[number]
        if number in at_the_head and one.whole.fullmatch(normal):
            return _hit(one.code, WHOLE)
        letters = _letters(number, normal, starts)
        score = letters + (100 if one.code in NEEDS else 0)
        if letters and (best is None or score > best[0]):
            best = (score, one.code)
    return _hit(best[1], INSIDE) if best else None


def _letters(number: int, normal: str, starts: Sequence[tuple[int, str]]) -> int:
    """How many letters of the text are words of a code (by number), none counted twice."""
    letters = end = 0
    for start, word in starts:
        if start >= end and (pattern := _beginning(number, word)) and (found := pattern.match(normal, start)):
            letters, end = letters + len(found.group()), found.end()
    return letters


def _hit(code: str, confidence: float) -> Hit:
    return Hit("find", code, confidence) if code in NEEDS else Hit(code, None, confidence)
