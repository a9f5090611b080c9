"""The labels of the training data, and the two questions they answer: what is wanted, and is somebody harmed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

NONE = "none"
FIND = "find_"
DISCLOSE = "disclose_"
LANGUAGES = ("en", "ht", "acf", "fr", "es")
WRITER = "writer"  # of a training example
BY_ONE = "people_"  # how the name of a file begins that one person wrote alone, in whatever language

Ranked = list[dict[str, Any]]


def split_label(label: str) -> tuple[str, str]:
    """Split a training label into the targets of the two heads.

    In: `find_food`, `disclose_danger`, `disclose_danger+find_shelter` or a plain intent (`greet`).
    Out: (`find_…`, a plain intent or `none`; a concern or `none`).
    """
    concern, wanted = NONE, NONE
    for part in label.split("+"):
        if part.startswith(DISCLOSE):
            concern = part[len(DISCLOSE) :]
        else:
            wanted = part
    return wanted, concern


def writer_of(path: Path) -> str:
    """Who wrote a file of examples, where that is one person: `people_07` of `people_07.yml`, else nobody known."""
    return path.stem if path.stem.startswith(BY_ONE) else ""


def join_label(wanted: str, concern: str) -> str:
    """The training label of two targets: the reverse of `split_label`, `other` when both are `none`."""
    parts = [DISCLOSE + concern] if concern != NONE else []
    if wanted != NONE and (not parts or wanted.startswith(FIND)):
        parts.append(wanted)
    return "+".join(parts) or "other"


def decide(
    wanted: list[str], concern: list[str], pairs: np.ndarray, concern_threshold: float, alone: float | None = None
) -> dict[str, Any]:
    """Turn the probabilities of pairs (wanted, concern) into what `/model/parse` answers.

    `concern.confidence` is the probability that the text tells of any harm; `concern.name` is the likeliest
    concern once that reaches `concern_threshold`, else None. `alone` is the probability of the second look (None: no
    such look in this language), and names a concern as well. `need.confidence` is the probability of the
    likeliest need; `need.name` is None when, that decided, something else or nothing is wanted more likely.
    """
    calm = concern.index(NONE)
    p_any = float(1.0 - pairs[:, calm].sum())
    heard = p_any >= concern_threshold
    given = np.delete(pairs, calm, axis=1).sum(axis=1) if heard else pairs[:, calm]
    want = wanted[int(given.argmax())]
    harms = _rank(concern, pairs.sum(axis=0), lambda name: name != NONE)
    needs = _rank(wanted, pairs.sum(axis=1), lambda name: name.startswith(FIND))
    named = heard or (alone is not None and alone >= concern_threshold)
    name, p_intent = ("disclose", p_any) if heard else _intent(wanted, pairs[:, calm], want)
    need = next((n for n in needs if FIND + n["name"] == want), None)
    return {
        "intent": {"name": name, "confidence": round(p_intent, 4)},
        "concern": {
            "name": harms[0]["name"] if named else None,
            "confidence": round(p_any, 4),
            "alone": None if alone is None else round(alone, 4),
        },
        "need": {
            "name": need["name"] if need else None,
            "confidence": (need or needs[0])["confidence"] if needs else 0.0,
        },
        "concern_ranking": harms[:3],
        "need_ranking": needs[:3],
        "intent_ranking": _ranking(wanted, concern, pairs),
    }


def nothing_read() -> dict[str, Any]:
    """The answer about a text without one known term: `other`, sure of nothing."""
    unknown: dict[str, Any] = {name: {"name": None, "confidence": 0.0} for name in ("concern", "need")}
    rankings: dict[str, Any] = {f"{name}_ranking": [] for name in ("concern", "need", "intent")}
    return {"intent": {"name": "other", "confidence": 0.0}, **unknown, **rankings}


def _intent(wanted: list[str], calm: np.ndarray, want: str) -> tuple[str, float]:
    """`find` carries the probability of all needs together; a plain intent its own."""
    if not want.startswith(FIND):
        return want, float(calm[wanted.index(want)])
    return "find", float(sum(p for name, p in zip(wanted, calm) if name.startswith(FIND)))  # noqa: B905


def _rank(names: list[str], scores: np.ndarray, keep: Callable[[str], bool]) -> Ranked:
    """The names to keep, best first, without `find_`."""
    order = np.argsort(-scores, kind="stable").tolist()
    return [
        {"name": names[i].removeprefix(FIND), "confidence": round(float(scores[i]), 4)} for i in order if keep(names[i])
    ]


def _ranking(wanted: list[str], concern: list[str], pairs: np.ndarray, top: int = 5) -> Ranked:
    """The `top` full labels, best first: Rasa's `intent_ranking`."""
    order = np.argsort(-pairs, axis=None, kind="stable")[:top]
    found = [(int(i) // len(concern), int(i) % len(concern)) for i in order]
    return [{"name": join_label(wanted[w], concern[c]), "confidence": round(float(pairs[w, c]), 4)} for w, c in found]
