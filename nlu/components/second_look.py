"""A second look at whether harm is told, for the times when the model alone says so.

The model learnt written examples: a text from outside their world (a call for relief, a torn or very short line) may
lie anywhere. The second look weighs what the model says, how far its heads are from their lines, and how long the text
is, beside a table of words that was learnt from disclosures, from harmless examples and from real messages. Made by
`vocabulary/make_harm.py`; for the languages it was measured in.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from components.features import Vectoriser

FILE = Path(__file__).resolve().parents[1] / "vocabulary" / "harm.json"
UNIT = 100  # of the whole numbers in the file
SUREST = 9.0  # log odds of the model beyond which more says nothing more
LONG = 12  # words


class SecondLook:
    """The table (`vectoriser`, one weight a term), and what each of `evidence` weighs; `shifts` by language."""

    def __init__(
        self, vectoriser: Vectoriser, weights: np.ndarray, scale: list[float], shifts: dict[str, float]
    ) -> None:
        """`shifts`: what is added in a language, so that from 0.6 up as many disclosures are heard as before."""
        self.vectoriser = vectoriser
        self.weights = weights
        self.scale = np.array(scale, dtype=float)
        self.shifts = shifts

    def told(self, text: str, language: str | None, p_any: float, margins: np.ndarray, calm: int) -> float | None:
        """The probability that a normalised text tells of harm; None in a language it knows nothing of. `p_any` is
        the model's own; `margins` are those of its concern head, `calm` the place of `none` among them."""
        shift = self.shifts.get(language or "")
        if shift is None:
            return None
        columns, values = self.vectoriser.row(text, None)
        table = float(np.asarray(values, dtype=np.float32) @ self.weights[columns])
        seen = evidence(p_any, margins, calm, len(text.split()), table)
        return float(1 / (1 + math.exp(-float(seen @ self.scale) - shift)))

    def as_json(self) -> dict[str, Any]:
        """For the model's archive, and for the file."""
        rows = np.rint(np.column_stack([self.vectoriser.idf, self.weights]) * UNIT).astype(int).tolist()
        terms = dict(zip(self.vectoriser.terms, rows))  # noqa: B905
        return {"scale": self.scale.tolist(), "shifts": self.shifts, "terms": terms}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> SecondLook:
        """What `as_json` wrote. Raises KeyError or ValueError when it is not whole."""
        terms = list(told["terms"])
        rows = np.array([told["terms"][term] for term in terms], dtype=np.float32).reshape(len(terms), 2) / UNIT
        return cls(Vectoriser(terms, rows[:, 0]), rows[:, 1], told["scale"], told["shifts"])


def evidence(p_any: float, margins: np.ndarray, calm: int, words: int, table: float) -> np.ndarray:
    """What is weighed: the model's log odds, the margins of the nearest concern and of none, the table, the length."""
    p_any = min(1.0, max(0.0, p_any))  # the sum it is taken from may be a hair above one
    odds = math.log((p_any + 1e-9) / (1 - p_any + 1e-9))
    return np.array(
        [
            min(SUREST, max(-SUREST, odds)),
            np.delete(margins, calm).max(),
            margins[calm],
            table,
            math.log1p(words),
            max(0, words - LONG),
        ]
    )


def shipped() -> SecondLook:
    """That of the repository."""
    return SecondLook.of_json(json.loads(FILE.read_text(encoding="utf-8")))
