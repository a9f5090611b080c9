"""The figures: what counts for each, how it is judged, its 95 % interval and its target (issue: understanding)."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from eval.reader import Answer
from eval.rows import Row

Pair = tuple[Row, Answer]
Z95 = 1.959964
CREOLES = ("ht", "acf")
SAMPLES = 300  # of the bootstrap
RAREST = 0.02  # of the messages; fewer tell of a rare need


@dataclass(frozen=True)
class Figure:
    """`value` with its interval over `total` messages. `low`: the smaller the better. `target`: None for none."""

    name: str
    group: str
    value: float
    total: int
    interval: tuple[float, float]
    low: bool = False
    target: float | None = None

    @property
    def key(self) -> str:
        return f"{self.name} / {self.group}"

    @property
    def met(self) -> bool:
        """Whether the target is reached (True where there is none)."""
        if self.target is None:
            return True
        return self.value <= self.target if self.low else self.value >= self.target


@dataclass(frozen=True)
class Measure:
    """One kind of figure: which rows count and which answers count as hits; targets by group."""

    name: str
    counts: Callable[[Row], bool]
    hit: Callable[[Row, Answer], bool]
    targets: dict[str, float]
    low: bool = False


def _raised(_: Row, answer: Answer) -> bool:
    return bool(answer.concern)


def _right_need(row: Row, answer: Answer) -> bool:
    return answer.need in row.needs


def _told(row: Row) -> bool:
    return bool(row.concern) and row.kind in ("disclosure", "both")


def _critical(row: Row) -> bool:
    return row.severity == "critical"


def _targets(en: float, ht: float, acf: float) -> dict[str, float]:
    """The same target for the first writer's sentences and for the third's (the second's are too few)."""
    by_language = {"en": en, "ht": ht, "acf": acf}
    return by_language | {f"third {language}": value for language, value in by_language.items()}


ORDINARY = _targets(0.01, 0.01, 0.01)
ALARMING = _targets(0.10, 0.10, 0.10)
MEASURES = (
    Measure("language named (3 words or more)", lambda r: r.words >= 3 and r.kind != "real" and bool(r.language),
            lambda r, a: a.language == r.language, {}),
    Measure("language named (1 or 2 words)", lambda r: r.words < 3 and r.kind not in ("real", "language"),
            lambda r, a: a.language == r.language, {}),
    Measure("need", lambda r: r.kind == "need", _right_need, _targets(0.93, 0.92, 0.85)),
    Measure("need beside a concern or an idiom", lambda r: bool(r.need) and r.kind in ("both", "alarming_harmless"),
            _right_need, {}),
    Measure("concern recall", _told, _raised, _targets(0.98, 0.98, 0.93)),
    Measure("concern named", _told, lambda r, a: a.concern in r.concern.split("|"), {}),
    Measure("critical heard", _critical, _raised, _targets(0.99, 0.99, 0.99)),
    Measure("critical called critical", _critical, lambda _, a: a.severity == "critical", {}),
    Measure("false alarms, ordinary", lambda r: r.kind in ("harmless", "need") or bool(r.intent), _raised,
            ORDINARY, True),
    Measure("false alarms, alarming but harmless", lambda r: r.kind == "alarming_harmless", _raised, ALARMING, True),
    Measure("place", lambda r: bool(r.place), lambda r, a: a.place == r.place, _targets(0.95, 0.95, 0.95)),
    Measure("place where none is named", lambda r: not r.place and r.kind not in ("real", "language"),
            lambda _, a: bool(a.place), {}, True),
    Measure("plain intent", lambda r: bool(r.intent), lambda r, a: a.intent == r.intent, {}),
)  # fmt: skip
REAL = (
    Measure("language named (3 words or more)", lambda r: r.words >= 3 and bool(r.language),
            lambda r, a: a.language == r.language, {}),
    Measure("need (one or several)", lambda r: bool(r.need), _right_need,
            {"real ht": 0.85, "second real ht": 0.85}),
    Measure("need (bare calls for help left out)", lambda r: r.need not in ("", "disaster"), _right_need, {}),
    Measure("need (one only)", lambda r: len(r.needs) == 1, _right_need, {}),
    Measure("concern recall", lambda r: bool(r.concern), _raised, {}),
    Measure("false alarms, ordinary", lambda r: r.kind == "real" and not r.concern, _raised,
            {"real ht": 0.01, "second real ht": 0.01}, True),
    Measure("a creole named", lambda r: r.group == "Guadeloupe" and r.words >= 3,
            lambda _, a: a.language in CREOLES, {}),
)  # fmt: skip
OFFLINE_TARGETS = {"concern recall": _targets(0.85, 0.85, 0.85)}
OFFLINE = ("need", "concern recall", "critical heard", "false alarms, ordinary", "false alarms, alarming but harmless")


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share."""
    if not total:
        return 0.0, 1.0
    share, z2 = hits / total, Z95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(one: Measure, pairs: Sequence[Pair], group: str) -> Figure | None:
    """The figure of one group of rows; None when no row counts."""
    counted = [(row, answer) for row, answer in pairs if one.counts(row)]
    hits, total = sum(one.hit(row, answer) for row, answer in counted), len(counted)
    if not total:
        return None
    return Figure(one.name, group, hits / total, total, wilson(hits, total), one.low, one.targets.get(group))


def by_group(measures: Sequence[Measure], pairs: Sequence[Pair]) -> list[Figure]:
    """Every measure for every group that has rows for it. Texts that the training data has too count for
    plain intents alone: there are few ways to say hello."""
    groups = list(dict.fromkeys(row.group for row, _ in pairs))
    fresh = [(row, answer) for row, answer in pairs if row.intent or not row.seen]
    found = []
    for one in measures:
        for group in groups:
            figure = measure(one, [pair for pair in fresh if pair[0].group == group], group)
            found += [figure] if figure else []
    return found


def languages_apart(pairs: Sequence[Pair], group: str) -> list[Figure]:
    """Haitian Creole against English, French and Spanish, and against Kweyol, texts of three words or more. An
    answer counts as Haitian Creole only when it is exactly that. `group`: what the figures are called after."""
    long = [(r, a) for r, a in pairs if r.words >= 3 and not r.seen and "unaccented" not in r.group]
    long = [(r, a) for r, a in long if r.group != "Guadeloupe" and not r.group.startswith("second")]
    apart = Measure("ht told from en, fr, es", lambda r: r.language in ("ht", "en", "fr", "es"),
                    lambda r, a: (a.language == "ht") == (r.language == "ht"), {group: 0.98})  # fmt: skip
    own = Measure("ht told from acf", lambda r: r.language in CREOLES and r.kind != "real",
                  lambda r, a: a.language == r.language, {group: 0.90})  # fmt: skip
    return [figure for one in (apart, own) if (figure := measure(one, long, group))]


def offline(pairs: Sequence[Pair]) -> list[Figure]:
    """The figures with Rasa away: lexicon and keywords alone."""
    chosen = [Measure(f"Rasa away: {one.name}", one.counts, one.hit, OFFLINE_TARGETS.get(one.name, {}), one.low)
              for one in MEASURES if one.name in OFFLINE]  # fmt: skip
    return by_group(chosen, pairs)


def macro_f1(pairs: Sequence[Pair], group: str, name: str = "need, macro-F1", rarest: float = 0.0) -> Figure:
    """Mean F1 over the needs of the messages that have one, with a bootstrap interval (fixed seed). `rarest`: only
    over needs that this share of the messages tells of (else one message of hundreds weighs as much as a hundred)."""
    counted = [(r, a) for r, a in pairs if r.group == group and not r.seen and r.kind in ("need", "real") and r.need]
    told = [(a.need if a.need in r.needs else r.needs[0], a.need) for r, a in counted]
    dice = random.Random(4636)  # noqa: S311 (no secret)
    often = {need for need, count in Counter(truth for truth, _ in told).items() if count >= rarest * len(told)}
    draws = sorted(_f1(dice.choices(told, k=len(told)), often) for _ in range(SAMPLES))
    interval = draws[int(0.025 * SAMPLES)], draws[int(0.975 * SAMPLES) - 1]
    return Figure(name, group, _f1(told, often), len(told), interval)


def _f1(told: Sequence[tuple[str | None, str | None]], needs: Set[str]) -> float:
    scores = []
    for need in needs & {truth for truth, _ in told}:
        hits = sum(truth == said == need for truth, said in told)
        scores.append(2 * hits / (sum(t == need for t, _ in told) + sum(s == need for _, s in told)))
    return sum(scores) / len(scores) if scores else 0.0
