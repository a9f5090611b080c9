"""The small phrase language of bot/safety/phrases/*.yml, compiled to regular expressions over normalised text."""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from bot.normalise import normalise

_GAPS = {"..": "(?: [^ ]+){0,3}?", "...": "(?: [^ ]+){0,8}?"}
_RANGE = re.compile(r"(\d+)-(\d+)")
STEM = 3  # the shortest beginning of a word that may stand before a *


@dataclass(frozen=True)
class Pattern:
    """One compiled phrase. `anchors` are words (or stems ending in *) of which the text must hold one; `literal` is
    the set of every word written in the phrase; of each set in `others` the text must hold a word, too. `beside` are
    the parts after a `&`: each must stand somewhere in the text."""

    source: str
    regex: re.Pattern[str]
    anchors: frozenset[str]
    literal: frozenset[str]
    others: tuple[frozenset[str], ...] = ()
    beside: tuple[re.Pattern[str], ...] = ()

    def possible(self, words: Set[str]) -> bool:
        """Whether a text of these words can hold the phrase: quick, and never wrong when it says no."""
        return not any(map(words.isdisjoint, self.others))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the phrase stands in a padded text (one space before and after), overlapping places too; of a phrase
        with `&`, where its first part stands."""
        for found in self.regex.finditer(text):
            if not all(part.search(text) for part in self.beside):
                return
            yield found.span(1)

    def stands(self, text: str) -> bool:
        """Whether the phrase stands in a padded text."""
        return next(self.spans(text), None) is not None


@dataclass(frozen=True)
class _Element:
    words: tuple[str, ...]
    optional: bool = False

    @property
    def regex(self) -> str:
        ordered = sorted(self.words, key=len, reverse=True)
        body = "|".join(re.escape(word[:-1]) + "[^ ]*" if word.endswith("*") else re.escape(word) for word in ordered)
        whole = f" (?:{body})(?= )"
        return f"(?:{whole})?" if self.optional else whole


def word_list(text: str, classes: Mapping[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    """Words separated by spaces or |, `_` for a space inside, `1-17` for numbers, `{name}` for another list.

    Raises ValueError on an unknown list or a word of which nothing is left.
    """
    words: dict[str, None] = {}
    for item in re.split(r"[\s|]+", text.strip()):
        words.update(dict.fromkeys(_word(item, classes, language)))
    return tuple(words)


def _word(item: str, classes: Mapping[str, tuple[str, ...]], language: str) -> Iterable[str]:
    if item.startswith("{") and item.endswith("}"):
        if item[1:-1] not in classes:
            raise ValueError(f"there is no word list {item}")
        return classes[item[1:-1]]
    if numbers := _RANGE.fullmatch(item):
        return map(str, range(int(numbers[1]), int(numbers[2]) + 1))
    stem = item.endswith("*")
    word = normalise(item.rstrip("*").replace("_", " "), language)
    if not word or (stem and len(word) < STEM):
        raise ValueError(f"nothing to look for in '{item}'")
    return (word + "*",) if stem else (word,)


def compile_phrase(source: str, classes: Mapping[str, tuple[str, ...]], language: str) -> Pattern:
    """A phrase of words, `..`, `...`, `a|b`, `{list}`, `word*` and `[optional]` elements, or several joined by `&`.

    Raises ValueError with the reason when the phrase cannot be read.
    """
    regexes: list[re.Pattern[str]] = []
    needed: list[_Element] = []
    for part in source.split(" & "):
        regex, words = _part(part, classes, language)
        regexes.append(regex)
        needed += words
    anchor = min(needed, key=lambda element: sum(_commonness(word) for word in element.words))
    literal = frozenset(word for element in needed for words in element.words for word in words.split())
    others = [e for e in needed if e is not anchor and not any("*" in word for word in e.words)]
    others.sort(key=lambda element: sum(map(_commonness, element.words)))  # what is rarest says no first
    return Pattern(
        source, regexes[0], frozenset(map(_first, anchor.words)), literal,
        tuple(frozenset(map(_first, element.words)) for element in others), tuple(regexes[1:]),
    )  # fmt: skip


def _part(source: str, classes: Mapping[str, tuple[str, ...]], language: str) -> tuple[re.Pattern[str], list[_Element]]:
    """What stands between two `&`: its regular expression and the elements it cannot do without."""
    elements, parts = [], []
    for item in source.split():
        if item in _GAPS:
            parts.append(_GAPS[item])
            continue
        optional = item.startswith("[") and item.endswith("]")
        element = _Element(word_list(item.strip("[]"), classes, language), optional)
        elements.append(element)
        parts.append(element.regex)
    needed = [element for element in elements if not element.optional]
    if not needed:
        raise ValueError("a phrase needs at least one word that is not optional")
    return re.compile(f"(?=({''.join(parts)}))"), needed


def _commonness(word: str) -> float:
    """Short words are common; a list is as common as its words together."""
    return 8.0 / max(len(word.rstrip("*")), 1) ** 2 + 0.05


def _first(word: str) -> str:
    """Of a group of words, the longest: the one to look the group up by."""
    return max(word.split(), key=len)
