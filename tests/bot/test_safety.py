"""The safety lexicon against the sentences of safety_cases.yml, which anybody can read and add to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import safety
from bot.safety.lexicon import CONCERNS

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("safety_cases.yml").read_text(encoding="utf-8"))[
    "cases"
]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_reads_what_the_case_says(case: dict[str, Any]) -> None:
    reading = safety.read(case["text"], case["language"])
    told = safety.explain(reading)
    assert (reading.top.concern if reading.top else None) == case.get("concern"), told
    assert bool(reading.asks and not reading.top) == case.get("ask", False), told
    if "severity" in case:
        assert reading.findings[0].severity == case["severity"], told


def test_every_concern_and_language_has_a_case() -> None:
    heard = {(case["language"], case.get("concern")) for case in CASES}
    assert {concern for _, concern in heard if concern} == set(CONCERNS)
    assert {language for language, _ in heard} >= {"en", "ht", "acf"}


def test_a_case_says_why_and_is_written_once() -> None:
    assert all(case["why"] for case in CASES)
    assert len({case["text"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize(("text", "critical"), [("my child has a fever", False), ("he have a knife", True)])
def test_the_words_around_make_any_concern_critical(text: str, critical: bool) -> None:
    assert safety.is_critical("domestic_violence", text) is critical


def test_a_kweyol_phrase_is_a_question_in_haitian_but_not_beside_a_kweyol_word() -> None:
    assert safety.read("nonm nan ka bat mwen", "ht").top is None
    kweyol = safety.read("mawi mwen ka bat mwen", "ht").top
    assert kweyol is not None
    assert kweyol.language == "acf"


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("cut my arms on razor grass", False),
        ("i cut my arms again, cut my arms on razor grass is what i tell them", True),  # the first is no part of it
        ("razor grass by me and i cut my arms", True),  # beside it, not around it
    ],
)
def test_part_of_makes_only_the_phrase_inside_it_harmless(text: str, heard: bool) -> None:
    assert (safety.read(text, "en").top is not None) is heard
