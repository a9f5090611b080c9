"""Who it is for and what matters beside the need: words and phrases of bot/data/details.yml over normalised text."""

import re
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).parent / "data" / "details.yml"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    raw: dict[str, list[str]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return {
        name: re.compile(r"\b(?:" + "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True)) + r")\b")
        for name, words in raw.items()
    }


def find(normal: str) -> frozenset[str]:
    """Which of child, older, disability, pregnant, now, no_papers, speaks_kreyol, asks a normalised text speaks of."""
    return frozenset(name for name, pattern in _patterns().items() if pattern.search(normal))
