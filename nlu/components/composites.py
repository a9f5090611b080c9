"""Training examples put together from two: what people write in one message with a greeting, a wish, a story before it.

Without them a model of short examples takes any long text for a disclosure, for those are the longest, and lets a word
of thanks stand for the whole. Made anew at each training, always the same ones; nothing of them is stored.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from components.labels import DISCLOSE, FIND

SEED = 4637
COURTESY = ("greet", "thanks", "goodbye")
OTHER = "other"


@dataclass(frozen=True)
class Part:
    """One side of a composite: the text as typed, its language, its training label, and its fold. Composites never
    cross folds, or held-out texts would have been seen."""

    text: str
    language: str | None
    label: str
    fold: int


def compose(parts: list[Part]) -> list[tuple[int, str, str]]:
    """One or two composites for each example that says something.

    Out: the number of the first part, the text, the label. A courtesy changes no label; two texts of one need ask for
    that need; `other` beside a need or a concern changes nothing; a need beside a concern is both.
    """
    dice = np.random.default_rng(SEED)
    pools: dict[tuple[str | None, int, str], list[str]] = defaultdict(list)
    for part in parts:
        pools[part.language, part.fold, _kind(part.label)].append(part.text)
        pools[part.language, part.fold, part.label].append(part.text)
    made = []
    for number, part in enumerate(parts):
        for kind, label in _partners(part.label, dice):
            pool = pools.get((part.language, part.fold, kind))
            if not pool:
                continue
            other = pool[int(dice.integers(len(pool)))]
            first, second = (part.text, other) if dice.random() < 0.5 else (other, part.text)
            made.append((number, f"{first} {second}", label))
    return made


def _kind(label: str) -> str:
    if label in COURTESY:
        return "courtesy"
    return "content" if label.startswith((FIND, DISCLOSE)) else label


def _partners(label: str, dice: np.random.Generator) -> list[tuple[str, str]]:
    """The pools to take the other part from, and the label that both have together."""
    if label in COURTESY:
        return []
    courtesy = [("courtesy", label)]
    if label == OTHER:
        return [(OTHER, OTHER), (OTHER, OTHER)]
    if label.startswith(FIND):
        return [(label, label), (OTHER, label)] if dice.random() < 0.5 else [(label, label), *courtesy]
    if label.startswith(DISCLOSE):
        return [(OTHER, label)] if dice.random() < 0.5 else courtesy
    return courtesy if dice.random() < 0.3 else []
