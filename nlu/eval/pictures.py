"""Pictures for docs/evaluation/: the reliability curve and the confusion matrices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from eval.figures import Pair

mpl.use("Agg")
from matplotlib import pyplot as plt

NEEDS = (
    "food shelter money health mental_health disability elderly children education work legal documents disaster safety"
).split()
CONCERNS = (
    "danger self_harm child_abuse domestic_violence sexual_violence trafficking vulnerable_adult discrimination sea"
).split()
NOTHING = "(nothing)"
BINS = 10
GROUPS = ("en", "ht", "acf", "real ht")


def certainty(pairs: Sequence[Pair]) -> dict[str, list[tuple[float, bool]]]:
    """(confidence, right?) of the answers in which the model named a need, and in which it alone heard a concern
    (with the lexicon beside it, what is said is no probability any more)."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for row, said in pairs:
        where = "real" if row.kind == "real" else "written"
        if row.seen or row.kind == "language" or said.source != "model":
            continue
        if said.concern:
            found.setdefault(f"concern, {where}", []).append((said.confidence, bool(row.concern)))
        elif row.need and said.intent == "find":
            found.setdefault(f"need, {where}", []).append((said.confidence, said.need in row.needs))
    return dict(sorted(found.items()))


def bins(points: Sequence[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    """(mean confidence, share right, count) of each tenth of the scale that has answers."""
    found = []
    for number in range(BINS):
        inside = [(c, ok) for c, ok in points if number == min(BINS - 1, int(c * BINS))]
        if inside:
            said, right = np.mean(inside, axis=0)
            found.append((float(said), float(right), len(inside)))
    return found


def calibration_error(points: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error: the mean distance of confidence and share right, weighed by count."""
    return sum(abs(c - right) * count for c, right, count in bins(points)) / max(1, len(points))


def draw(pairs: Sequence[Pair], folder: Path) -> None:
    """Write every picture into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _reliability(certainty(pairs), folder / "calibration.png")
    for group in GROUPS:
        mine = [(row, answer) for row, answer in pairs if row.group == group and not row.seen]
        name = group.replace(" ", "_")
        needs = [(_among(a.need, r.needs), a.need or NOTHING) for r, a in mine if r.need and r.kind in ("need", "real")]
        concerns = [(r.concern or NOTHING, a.concern or NOTHING) for r, a in mine if r.concern or a.concern]
        if needs:
            _confusion(needs, NEEDS, f"Need, {group} ({len(needs)} messages)", folder / f"confusion_need_{name}.png")
        if concerns and group != "real ht":
            title = f"Concern, {group} ({len(concerns)} messages)"
            _confusion(concerns, CONCERNS, title, folder / f"confusion_concern_{name}.png")


def _among(said: str | None, right: list[str]) -> str:
    return said if said in right else right[0]


def _reliability(curves: dict[str, list[tuple[float, bool]]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(5.5, 5))
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect")
    for name, points in curves.items():
        found = bins(points)
        said, right = [c for c, _, _ in found], [share for _, share, _ in found]
        axes.plot(said, right, marker="o", label=f"{name} ({len(points)})")
        for c, share, count in found:
            axes.annotate(str(count), (c, share), textcoords="offset points", xytext=(4, -10), fontsize=7)
    axes.set(xlabel="confidence said", ylabel="share that was right", title="Reliability", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    _save(figure, path)


def _confusion(pairs: Sequence[tuple[str, str]], codes: Sequence[str], title: str, path: Path) -> None:
    names = [*codes, NOTHING]
    counts = Counter(pairs)
    grid = np.array([[counts[row, column] for column in names] for row in names])
    figure, axes = plt.subplots(figsize=(8, 7))
    axes.imshow(grid, cmap="Blues")
    for y, x in zip(*grid.nonzero(), strict=True):
        shade = "white" if grid[y, x] > grid.max() / 2 else "black"
        axes.text(x, y, str(grid[y, x]), ha="center", va="center", fontsize=8, color=shade)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="read", ylabel="meant", title=title)
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
