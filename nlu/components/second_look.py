"""A second look at whether harm is told, for the times when the model alone says so.

The model learnt written examples: a text from outside their world (a call for relief, a torn or very short line) may
lie anywhere. The second look weighs what the model says, how far its heads are from their lines, and how long the text
is, beside a table of words that was learnt from disclosures, from harmless examples and from real messages. Made by
`vocabulary/make_harm.py`; for the languages it was measured in. Where that leaves a doubt, the meaning of the text
(`components/meaning.py`) is weighed too.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components import meaning
from components.features import Vectoriser

FOLDER = Path(__file__).resolve().parents[1] / "vocabulary"
FILE, DEEPER_FILE = FOLDER / "harm.json", FOLDER / "meaning.json"
UNIT = 100  # of the whole numbers in the file
SUREST = 9.0  # log odds of the model beyond which more says nothing more
LONG = 12  # words
# Log odds between which the meaning is asked for: it takes some 13 ms for 30 letters, and nine texts in ten lie below.
DOUBT = (-1.8, 3.0)
ENOUGH = 0.6  # of the normalised text's letters must be left for the encoder
EVIDENCE = 6  # numbers that are weighed without the meaning

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deeper:
    """What weighs the meaning beside the other evidence: `scale` has its weight last. `encoder`: None where it cannot
    run."""

    net: meaning.Net
    scale: np.ndarray
    shifts: dict[str, float]
    encoder: meaning.Encoder | None = field(default_factory=meaning.encoder)

    def odds(self, text: str, typed: str, seen: np.ndarray, language: str) -> float | None:
        """The log odds that harm is told, by all evidence; None where the encoder cannot run or fails, or where little
        of the text (normalised, and as it was typed) is of its alphabet."""
        if self.encoder is None or len(meaning.clean(typed)) < ENOUGH * min(len(text), meaning.LONGEST):
            return None
        try:
            told = float(self.net.odds(self.encoder.encode([typed]))[0])
        except Exception as error:  # noqa: BLE001 (one text must not cost the others of its request their answers)
            logger.warning("the sentence encoder failed: %s", type(error).__name__)
            return None
        odds = float(np.append(seen, told) @ self.scale) + self.shifts[language]
        return odds if math.isfinite(odds) else None

    def as_json(self) -> dict[str, Any]:
        """For the model's archive, and for the file."""
        return {"scale": self.scale.tolist(), "shifts": self.shifts, "net": self.net.as_json()}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Deeper:
        """What `as_json` wrote. Raises KeyError or ValueError when it is not whole."""
        scale = np.array(told["scale"], dtype=float)
        if scale.shape != (EVIDENCE + 1,) or not np.isfinite(scale).all():
            raise ValueError("the weights of the evidence are not whole")
        return cls(meaning.Net.of_json(told["net"]), scale, told["shifts"])


class SecondLook:
    """The table (`vectoriser`, one weight a term), and what each of `evidence` weighs; `shifts` by language."""

    def __init__(
        self,
        vectoriser: Vectoriser,
        weights: np.ndarray,
        scale: list[float],
        shifts: dict[str, float],
        deeper: Deeper | None = None,
    ) -> None:
        """`shifts`: what is added in a language, so that from 0.6 up as many disclosures are heard as before."""
        self.vectoriser = vectoriser
        self.weights = weights
        self.scale = np.array(scale, dtype=float)
        self.shifts = shifts
        self.deeper = deeper

    def told(
        self, text: str, typed: str, language: str | None, p_any: float, margins: np.ndarray, calm: int
    ) -> float | None:
        """The probability that a text (normalised, and as it was typed) tells of harm; None in a language it knows
        nothing of. `p_any` is the model's own; `margins` are those of its concern head, `calm` the place of `none`."""
        shift = self.shifts.get(language or "")
        if shift is None:
            return None
        columns, values = self.vectoriser.row(text, None)
        table = float(np.asarray(values, dtype=np.float32) @ self.weights[columns])
        seen = evidence(p_any, margins, calm, len(text.split()), table)
        odds = float(seen @ self.scale) + shift
        if self.deeper and language in self.deeper.shifts and DOUBT[0] <= odds <= DOUBT[1]:
            further = self.deeper.odds(text, typed, seen, language)
            if further is not None:  # of a text that was cut only the beginning is known: it may not make harmless
                odds = further if len(typed) <= meaning.LONGEST else max(odds, further)
        return float(1 / (1 + math.exp(-odds)))

    def as_json(self) -> dict[str, Any]:
        """For the model's archive, and for the file."""
        rows = np.rint(np.column_stack([self.vectoriser.idf, self.weights]) * UNIT).astype(int).tolist()
        terms = dict(zip(self.vectoriser.terms, rows))  # noqa: B905
        deeper = {"deeper": self.deeper.as_json()} if self.deeper else {}
        return {"scale": self.scale.tolist(), "shifts": self.shifts, "terms": terms, **deeper}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> SecondLook:
        """What `as_json` wrote. Raises KeyError or ValueError when it is not whole."""
        terms = list(told["terms"])
        rows = np.array([told["terms"][term] for term in terms], dtype=np.float32).reshape(len(terms), 2) / UNIT
        deeper = Deeper.of_json(told["deeper"]) if told.get("deeper") else None
        return cls(Vectoriser(terms, rows[:, 0]), rows[:, 1], told["scale"], told["shifts"], deeper)


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
    told = json.loads(FILE.read_text(encoding="utf-8"))
    if DEEPER_FILE.exists():
        told["deeper"] = json.loads(DEEPER_FILE.read_text(encoding="utf-8"))
    return SecondLook.of_json(told)
