"""Which training examples are variants of one another, so that they are never learnt from and tested on at once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SHARED = 0.8  # of the words of the shorter text; a text with a place name put in is a variant
FEWEST = 3  # words from which on a text can be one: shorter ones are the plain vocabulary itself


def group_neighbours(texts: list[tuple[str, str | None]], labels: list[str]) -> np.ndarray:
    """Number the groups of variants among (normalised text, language) pairs.

    Two texts of one language and label that share most of their words are in one group, and so is what shares
    them with either.
    """
    groups = np.zeros(len(texts), dtype=int)
    among: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for index, (text, label) in enumerate(zip(texts, labels)):  # noqa: B905 (3.10: same meaning)
        among[label, text[1]].append(index)
    taken = 0
    for members in among.values():
        count, found = connected_components(_variants([texts[i][0] for i in members]), directed=False)
        groups[members] = found + taken
        taken += count
    return groups


def _variants(texts: list[str]) -> sparse.csr_matrix:
    """Which of the texts are variants of which, as a square matrix."""
    words = [set(text.split()) for text in texts]
    column = {word: place for place, word in enumerate(sorted(set().union(*words)))}
    cells = [(row, column[word]) for row, some in enumerate(words) for word in some]
    rows, columns = zip(*cells) if cells else ((), ())  # noqa: B905
    has = sparse.csr_matrix((np.ones(len(cells)), (rows, columns)), shape=(len(texts), max(1, len(column))))
    size = np.array([len(some) for some in words])
    shared = (has @ has.T).toarray()
    shorter = np.minimum(size[:, None], size[None, :])
    return sparse.csr_matrix((shared >= SHARED * shorter) & (shorter >= FEWEST))
