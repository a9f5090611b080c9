"""Does a message tell of harm, by the weight of its words alone: what is asked when Rasa is away and no phrase of the
lexicon stands in the message. Knows less than Rasa's model, and needs nothing but a table. The weights come from
scripts/harm_weights.py.
"""

import json
from functools import cache
from math import exp
from pathlib import Path

from bot.terms import once_each, parts

WEIGHTS = Path(__file__).parent / "data" / "harm_weights.json"
NONE = "none"
_UNIT = 100  # of the whole numbers in the file
_PARTS = (3, 4)  # letters of a part of a word


def features(normal: str) -> dict[str, float]:
    """What is looked at in a normalised text: words, pairs of words, parts of words. Each counts once."""
    words = normal.split()
    found = {f"w {word}" for word in words} | {f"b {a} {b}" for a, b in zip(words, words[1:])}  # noqa: B905, RUF007 (also read by Python 3.10)
    return once_each(found | parts(words, _PARTS))


def guess(normal: str) -> tuple[str | None, float]:
    """The likeliest concern of a normalised text, and the probability that any harm is told; (None, 0) of a text
    without a known word."""
    answers, bias, weights = _weights()
    told = [(weights[name], value) for name, value in features(normal).items() if name in weights]
    if not told:
        return None, 0.0
    scores = list(bias)
    for row, value in told:
        scores = [score + weight * value for score, weight in zip(scores, row, strict=True)]
    top = max(scores)
    powers = dict(zip(answers, (exp((score - top) / _UNIT) for score in scores), strict=True))
    none = powers.pop(NONE)
    harm = sum(powers.values())
    return max(powers, key=lambda name: powers[name]), harm / (harm + none)


@cache
def _weights() -> tuple[list[str], list[float], dict[str, list[int]]]:
    """The answers, what each has before any word, and what each term adds (hundredths)."""
    told = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return told["answers"], told["bias"], told["terms"]
