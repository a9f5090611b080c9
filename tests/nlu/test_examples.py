"""Enough examples of every need and concern in the three languages of the service."""

import re
from collections import Counter
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
