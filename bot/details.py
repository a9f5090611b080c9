"""Who it is for and what matters beside the need: words and phrases of bot/data/details.yml over normalised text."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

AGE = "age:"
# Whose age it is, and not since when somebody is here: "5 years old", "li gen 5 an", "i ni 5 an", "tiene 5 anos".
_AGE = re.compile(
    r"\b(\d{1,2}) ?(?:years?|yrs?|yr) ?olds?\b|\b(\d{1,2}) ?yo\b|\b(?:aged?|laj|edad|age de) (\d{1,2})\b"
    r"|\b(?:ki|li|i|pitit \w+|timoun \w+|tifi \w+|tigason \w+|yich \w+) (?:gen|genyen|ni) (\d{1,2}) (?:an|lanne|zan)\b"
    r"(?! nan| isit| depi| isi)|\b(?:de|il a|elle a|qui a) (\d{1,2}) ans\b|\b(?:de|tiene) (\d{1,2}) anos\b"
)
_MONTHS = re.compile(
    r"\b\d{1,2} ?months? ?old\b|\b(?:ki|li|i) (?:gen|ni) \d{1,2} mwa\b|\bde \d{1,2} mois\b|\bde \d{1,2} meses\b"
)
DATA = Path(__file__).parent / "data" / "details.yml"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    raw: dict[str, list[str]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return {
        name: re.compile(r"\b(?:" + "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True)) + r")\b")
        for name, words in raw.items()
    }


def find(normal: str) -> frozenset[str]:
    """Which of child, older, disability, pregnant, now, tonight, no_papers, speaks_kreyol, by_phone, access, free,
    asks, lives_with, woman, man a normalised text speaks of, and age:N for a person's age in years."""
    found = {name for name, pattern in _patterns().items() if pattern.search(normal)}
    years = _AGE.search(normal)
    if years:
        found.add(f"{AGE}{next(group for group in years.groups() if group)}")
    elif _MONTHS.search(normal):
        found.add(f"{AGE}0")
    return frozenset(found)


def without(normal: str, name: str) -> str:
    """A normalised text without the words that tell of one detail."""
    return _patterns()[name].sub(" ", normal)


def is_age(name: str) -> bool:
    """Whether a detail is an age."""
    return name.startswith(AGE)


def age(found: Iterable[str]) -> int | None:
    """The age in years that details tell of."""
    return next((int(name.removeprefix(AGE)) for name in sorted(found) if is_age(name)), None)
