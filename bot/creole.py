"""Kweyol or Haitian Creole? They share most words; spelling (é, w for r, the article after a dash) and little words
(`ka`, `ni`, `an`, `i`) tell them apart. The weights come from scripts/creole_weights.py.
"""

import json
import re
import unicodedata
from functools import cache
from pathlib import Path

from bot.terms import once_each, parts

WEIGHTS = Path(__file__).parent / "data" / "creole_weights.json"
_WORD = re.compile(r"[^\W\d_]+")
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u2032\u00b4`\u02bc\uff07"), "'")
_MARKS = (  # (name, pattern): spelling habits that no single word shows
    ("e acute", re.compile("\u00e9")),
    ("e plain before o grave", re.compile("[\u00e8\u00f2]")),
    ("article after dash", re.compile(r"\w-(?:la|lan|a|an|nan|sala|tala)\b")),
    ("pronoun y", re.compile(r"'y\b")),
    ("pronoun w m l n", re.compile(r"'[wmln]\b")),
    ("letter alone", re.compile(r"(?<!['\w])[mwlnk](?![\w'])")),
    ("ap fused", re.compile(r"\b[mnwlyk]ap\b")),
    ("w for r", re.compile(r"[bfgkpvtd]w[aei\u00e8\u00e9]")),
    ("r kept", re.compile(r"[bfgkpvtd]r[aei\u00e8\u00e9]")),
)
_PARTS = (3,)  # letters of a part of a word


def features(text: str) -> dict[str, float]:
    """What is looked at in a text: words and pairs of words without accents, parts of words as written, marks. Each
    counts once."""
    text = unicodedata.normalize("NFC", text.lower()).translate(_QUOTES)
    words = _WORD.findall(text)
    plain = [_fold(word) for word in words]
    found = {f"w {word}" for word in plain} | {f"b {a} {b}" for a, b in zip(["^", *plain], [*plain, "$"])}  # noqa: B905 (also read by Python 3.10)
    marks = {f"m {name}" for name, pattern in _MARKS if pattern.search(text)}
    return once_each(found | parts(words, _PARTS) | marks)


def kweyol(text: str) -> float:
    """Log odds that a Creole text is Kweyol rather than Haitian Creole; 0 when nothing in it tells."""
    weights = _weights()
    found = features(text)
    known = sum(name in weights for name in found)
    return sum(weights.get(name, 0.0) * value for name, value in found.items()) + (weights["bias"] if known else 0.0)


def _fold(word: str) -> str:
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@cache
def _weights() -> dict[str, float]:
    weights: dict[str, float] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return weights
