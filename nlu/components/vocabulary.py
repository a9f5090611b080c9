"""What a language's words say of needs where people really wrote: statistics beside the model of written examples.

Made by `vocabulary/make.py` from labelled messages, as `vocabulary/<language>.json`: for each word, pair of words or
character n-gram its weight for each need and for none. A weight is what the term adds to what the model says already.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from components.features import Vectoriser
from components.labels import FIND, LANGUAGES, NONE

FOLDER = Path(__file__).resolve().parents[1] / "vocabulary"
UNIT = 100  # of the whole numbers in the file


class Vocabulary:
    """Terms and their weights as (terms, answers); the answers are needs and `none`."""

    def __init__(self, answers: list[str], vectoriser: Vectoriser, weights: np.ndarray) -> None:
        """`answers` in the order of the columns of `weights`."""
        self.answers = answers
        self.vectoriser = vectoriser
        self.weights = weights

    def added(self, text: str) -> np.ndarray:
        """What a normalised text adds to the log probability of each answer."""
        columns, values = self.vectoriser.row(text, None)
        return np.asarray(values, dtype=np.float32) @ self.weights[columns]

    def weigh(self, text: str, wanted: list[str], calm: np.ndarray) -> np.ndarray:
        """The probabilities of `wanted` of a text that tells of no harm (`calm`, any total), weighed again; same total.

        Whatever is no need goes up or down together, as `none`.
        """
        total = calm.sum()
        if not total:
            return calm
        added = self.added(text)
        weighed = calm * np.exp(added[groups(wanted, self.answers)])
        return np.asarray(weighed * (total / weighed.sum()))

    def as_json(self) -> dict[str, Any]:
        """For the model's archive, and for the file."""
        rows = np.rint(np.column_stack([self.vectoriser.idf, self.weights]) * UNIT).astype(int).tolist()
        return {"answers": self.answers, "terms": dict(zip(self.vectoriser.terms, rows))}  # noqa: B905

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Vocabulary:
        """What `as_json` wrote. Raises KeyError or ValueError when it is not whole."""
        terms = list(told["terms"])
        rows = np.array([told["terms"][term] for term in terms], dtype=np.float32).reshape(len(terms), -1) / UNIT
        if rows.shape[1] != len(told["answers"]) + 1:
            raise ValueError("a vocabulary needs an idf and a weight for each answer on every line")
        return cls(told["answers"], Vectoriser(terms, rows[:, 0]), rows[:, 1:])


def groups(wanted: list[str], answers: list[str]) -> np.ndarray:
    """For each of `wanted` the column of its need in `answers`, or that of `none`."""
    none = answers.index(NONE)
    needs = [name.removeprefix(FIND) if name.startswith(FIND) else NONE for name in wanted]
    return np.array([answers.index(need) if need in answers else none for need in needs])


def shipped() -> dict[str, Vocabulary]:
    """The vocabularies of the repository, by language."""
    paths = [path for path in sorted(FOLDER.glob("*.json")) if path.stem in LANGUAGES]
    return {path.stem: Vocabulary.of_json(json.loads(path.read_text("utf-8"))) for path in paths}
