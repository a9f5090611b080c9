"""Words and character n-grams of a short text, weighted by TF-IDF, without scikit-learn's cost per call."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

import numpy as np
from marisa_trie import Trie
from scipy import sparse

CHAR_SIZES = (2, 3, 4, 5)
MOST_WORDS = 20_000  # whose n-grams are remembered: some 10 MB


def analyse(text: str, language: str | None) -> list[list[str]]:
    """The features of a normalised text in three blocks.

    Words and pairs of words; character n-grams inside words (edges marked by a space); the same words tied to
    the language, for `ka` is "can" in Haitian Creole and "is doing" in Kweyol. Each begins with its block's
    letter. The third is empty when the language is unknown.
    """
    words = text.split()
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    grams = [gram for word in words for gram in _grams_of(word)]
    tied = [f"l{language}:{term}" for term in words + pairs] if language else []
    return [[f"w{term}" for term in words + pairs], grams, tied]


@lru_cache(MOST_WORDS)
def _grams_of(word: str) -> tuple[str, ...]:
    return tuple(_grams(f" {word} "))


def _grams(word: str) -> Iterable[str]:
    for size in CHAR_SIZES:
        for start in range(max(1, len(word) - size + 1)):
            yield "c" + word[start : start + size]
        if size >= len(word):
            return


class Vectoriser:
    """TF-IDF of the three blocks; each block has length 1, so long texts do not drown short ones."""

    def __init__(self, terms: list[str], idf: np.ndarray) -> None:
        """`terms` in the order of their columns; `idf` is one weight a column."""
        self.idf = idf
        self._trie = Trie(terms)  # 1 MB for 400,000 terms, where a dictionary of them takes 60
        self._places = array("i", [0]) * len(terms)
        for column, term in enumerate(terms):
            self._places[self._trie[term]] = column
        self._weight = array("f", idf)  # a list of floats takes eight times as much
        self._of_word: dict[str, tuple[int, ...]] = {}

    @property
    def terms(self) -> list[str]:
        """In the order of their columns."""
        found = [""] * len(self._places)
        for place, column in enumerate(self._places):
            found[column] = self._trie.restore_key(place)
        return found

    @classmethod
    def fit(cls, examples: list[list[tuple[str, str | None]]], min_count: int = 2) -> Vectoriser:
        """Learn terms and weights; each example is the list of its copies as (normalised text, language).

        A term in fewer than `min_count` examples is left out; a term in two copies of one counts once.
        """
        seen: Counter[str] = Counter()
        for copies in examples:
            seen.update({term for copy in copies for block in analyse(*copy) for term in block})
        terms = sorted(term for term, count in seen.items() if count >= min_count)
        total = len(examples)
        idf = [math.log((1 + total) / (1 + seen[term])) + 1.0 for term in terms]
        return cls(terms, np.array(idf, dtype=np.float32))

    def scale(self, words: float, characters: float, tied: float) -> np.ndarray:
        """One factor for each column: how much its block counts for a head."""
        factor = {"w": words, "c": characters, "l": tied}
        return np.array([factor[term[0]] for term in self.terms])

    def row(self, text: str, language: str | None) -> tuple[list[int], list[float]]:
        """The columns and values of one text; both empty when no term is known."""
        columns: list[int] = []
        values: list[float] = []
        for block in self._known(text, language):
            counts: dict[int, int] = {}
            for column in block:
                counts[column] = counts.get(column, 0) + 1
            raw = [self._weight[c] * (1.0 + math.log(n)) if n > 1 else self._weight[c] for c, n in counts.items()]
            length = math.sqrt(sum([value * value for value in raw])) or 1.0
            columns += counts
            values += [value / length for value in raw]
        return columns, values

    def _known(self, text: str, language: str | None) -> tuple[list[int], list[int], list[int]]:
        """The columns of the terms of `analyse` that have one, in its order."""
        words = text.split()
        terms = words + [f"{first} {second}" for first, second in pairwise(words)]
        whole = self._columns(f"w{term}" for term in terms)
        parts = [at for word in words for at in self._parts(word)]
        tied = self._columns(f"l{language}:{term}" for term in terms) if language else []
        return whole, parts, tied

    def _columns(self, terms: Iterable[str]) -> list[int]:
        places, find = self._places, self._trie.get
        return [places[found] for found in map(find, terms) if found is not None]

    def _parts(self, word: str) -> tuple[int, ...]:
        """The columns of a word's n-grams: people use the same words again and again."""
        found = self._of_word.get(word)
        if found is None:
            found = tuple(self._columns(_grams(f" {word} ")))
            if len(self._of_word) < MOST_WORDS:
                self._of_word[word] = found
        return found

    def matrix(self, texts: list[tuple[str, str | None]]) -> sparse.csr_matrix:
        """The rows of many texts as one sparse matrix (float64, as liblinear wants it)."""
        columns, values, starts = array("i"), array("d"), [0]
        for text, language in texts:
            own, weights = self.row(text, language)
            columns.extend(own)
            values.extend(weights)
            starts.append(len(columns))
        cells = np.frombuffer(values), np.frombuffer(columns, dtype=np.int32), np.array(starts, dtype=np.int32)
        found = sparse.csr_matrix(cells, shape=(len(texts), len(self._places)))
        found.sort_indices()
        return found
