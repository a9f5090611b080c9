"""The floor under each figure: written down once (`run.py --record`), and a figure that falls below it is a failure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from eval.figures import Figure

FLOORS = Path(__file__).resolve().parent / "floors.json"
SMALL = 10  # a figure over fewer messages than this has no floor


def margin(figure: Figure) -> float:
    """How far a figure may fall: one point or two messages, whichever is more."""
    return max(0.01, 2 / figure.total)


def record(figures: Sequence[Figure]) -> None:
    """Write down what was measured now, less the margin, where that is tighter than what is written: a floor is never
    loosened by a command. Floors of figures not measured now stay."""
    floors = load()
    for figure in figures:
        if figure.total >= SMALL:
            bound = figure.value + margin(figure) if figure.low else figure.value - margin(figure)
            now = round(min(1.0, max(0.0, bound)), 4)
            tighter = min if figure.low else max
            floors[figure.key] = tighter(now, floors.get(figure.key, now))
    FLOORS.write_text(json.dumps(dict(sorted(floors.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load() -> dict[str, float]:
    """The recorded floors by the figure's key (for a false-alarm figure: the most it may be)."""
    return json.loads(FLOORS.read_text(encoding="utf-8")) if FLOORS.exists() else {}


def unchecked(figures: Sequence[Figure], floors: dict[str, float]) -> list[str]:
    """The floors for which nothing was measured (without the real messages: theirs)."""
    return sorted(floors.keys() - {figure.key for figure in figures})


def fallen(figures: Sequence[Figure], floors: dict[str, float]) -> list[str]:
    """A sentence for each figure that is on the wrong side of its floor (both rounded as the floors are written)."""
    found = []
    for figure in figures:
        floor, value = floors.get(figure.key), round(figure.value, 4)
        if floor is not None and (value > floor if figure.low else value < floor):
            found.append(f"{figure.key}: {value:.4f}, floor {floor:.4f} ({figure.total} messages)")
    return found
