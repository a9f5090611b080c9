"""Enough examples of every need and concern in the three languages of the service."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Set
from pathlib import Path

import pytest
import yaml

from bot.keywords import NEEDS
from bot.normalise import normalise
from bot.safety.lexicon import CONCERNS

DATA = Path(__file__).resolve().parents[2] / "nlu" / "data"
LABELS = [*(f"find_{need}" for need in NEEDS), *(f"disclose_{concern}" for concern in CONCERNS)]
FEWEST = {"en": 120, "ht": 120, "acf": 40}


def examples(language: str) -> Counter[str]:
    """How many different examples there are of each label; one of a need and a concern counts for both."""
    found = {
        (part, normalise(re.sub(r"^- ", "", line), language))
        for path in sorted((DATA / language).glob("*.yml"))
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        for part in block["intent"].split("+")
        for line in block["examples"].splitlines()
    }
    return Counter(label for label, _ in found)


@pytest.mark.parametrize("language", FEWEST)
def test_every_need_and_concern_has_enough_examples(language: str) -> None:
    counts = examples(language)
    assert {label: counts[label] for label in LABELS if counts[label] < FEWEST[language]} == {}


LATER = frozenset({"dev6", "dev7", "dev8", "dev9", "dev10", "dev11", "dev12"})  # sets that came after everyday.yml
LAST = frozenset({"dev9", "dev10", "dev11", "dev12"})


def sentences(without: Set[str] = frozenset()) -> list[set[str]]:
    """The words of each sentence of the test sets, but for those of the sets `without`."""
    found = []
    for path in sorted((DATA.parent / "eval").glob("dev*/*.csv")):
        if path.parent.name in without:
            continue
        with path.open(encoding="utf-8", newline="") as lines:
            found += [
                set(normalise(row["text"], row["language"]).split()) for row in csv.DictReader(lines) if "text" in row
            ]
    return found


def near_to(known: list[set[str]]) -> Callable[[set[str]], bool]:
    """Whether the words of a line are near to any of the sentences: the same words; seven tenths of the words of a line
    of four or more; or three fifths of the words of both together, three at least."""
    having: defaultdict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(known):
        for word in words:
            having[word].append(number)

    def near(mine: set[str]) -> bool:
        shared = Counter(number for word in mine for number in having[word])
        return any(
            mine == known[number]
            or (len(mine) > 3 and both >= 0.7 * len(mine))
            or (both > 2 and both >= 0.6 * len(mine | known[number]))
            for number, both in shared.items()
        )

    return near


@pytest.mark.parametrize(
    ("name", "without", "fewest"),
    [
        ("everyday.yml", LATER, 2000),
        ("voices.yml", LAST, 4000),
        ("pairs.yml", LAST, 4000),
        ("people_*.yml", frozenset(), 5000),
    ],
)
@pytest.mark.parametrize("language", FEWEST)
def test_no_example_is_near_a_test_sentence(language: str, name: str, without: Set[str], fewest: int) -> None:
    """The everyday ones were written after the errors on the test sets had been read, the voices and pairs before the
    last sets were written."""
    lines = [
        line
        for path in (DATA / language).glob(name)
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        for line in block["examples"].splitlines()
    ]
    assert lines
    known = sentences(without)
    assert len(known) > fewest
    near = near_to(known)
    assert [line for line in lines if near(set(normalise(line.removeprefix("- "), language).split()))] == []
