"""What both tables of weights look at in a text (bot/creole.py, bot/harm_words.py): parts of its words, and each term
once. Also read by Python 3.10, which makes the tables.
"""

from collections.abc import Iterable, Sequence
from math import sqrt


def parts(words: Iterable[str], sizes: Sequence[int]) -> set[str]:
    """The parts of so many letters of each word, its beginning and end marked."""
    marked = [f"^{word}$" for word in words]
    return {f"c {one[i : i + size]}" for one in marked for size in sizes for i in range(len(one) - size + 1)}


def once_each(found: Iterable[str]) -> dict[str, float]:
    """Each term counts once, scaled so that a long text says no more for being long."""
    terms = set(found)
    return dict.fromkeys(terms, 1 / sqrt(len(terms) or 1))
