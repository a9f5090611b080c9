"""What was learnt from real messages: statistics of words, no message, and never of those that measure."""

import csv
import json
import re
from pathlib import Path

import pytest

from bot.harm_words import guess
from bot.normalise import normalise
from tests.nlu.environment import run

ROOT = Path(__file__).resolve().parents[2]
NLU = ROOT / "nlu"
TOLD = json.loads((NLU / "vocabulary" / "ht.json").read_text(encoding="utf-8"))
HARM = json.loads((NLU / "vocabulary" / "harm.json").read_text(encoding="utf-8"))


def ids(path: Path) -> set[str]:
    with path.open(encoding="utf-8", newline="") as lines:
        return {line["id"] for line in csv.DictReader(lines)}


def test_nothing_was_learnt_from_messages_that_measure() -> None:
    measured = [ids(path) for path in (NLU / "eval" / "dev").glob("mission4636_*.csv")]
    assert len(measured) == 2
    labelled = ids(NLU / "vocabulary" / "labels.csv")
    assert all(labelled.isdisjoint(one) for one in measured)


def test_the_labels_hold_codes_and_no_words() -> None:
    with (NLU / "vocabulary" / "labels.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {name for row in rows for name in row} == {"id", "language", "need", "concern"}
    assert {need for row in rows for need in row["need"].split("|")} <= {*TOLD["answers"], ""}


def test_terms_are_words_pairs_and_parts_without_digits() -> None:
    for terms in (TOLD["terms"], HARM["terms"]):
        assert all(not re.search(r"\d", term) for term in terms)
        assert max(len(term[1:].split()) for term in terms if term[0] == "w") == 2
    assert {len(row) for row in TOLD["terms"].values()} == {len(TOLD["answers"]) + 1}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("every night when he come in drunk is me he taking it out on", "en"),
        ("chak swa lè l rantre sou se mwen menm li pase raj li", "ht"),
        ("i ka bwè tou lé swa èk sé mwen ki ka soufè anba kou'y", "acf"),
    ],
)
def test_words_alone_tell_of_harm_that_no_phrase_has(text: str, language: str) -> None:
    assert guess(normalise(text, language))[1] >= 0.25  # asked gently at least


@pytest.mark.parametrize("text", ["where can i get food in roseau", "ki lè klinik la ouvri", "zzz", ""])
def test_words_alone_are_silent_about_a_need(text: str) -> None:
    assert guess(normalise(text))[1] < 0.25


def test_the_second_look_is_for_the_languages_of_the_service_and_whole() -> None:
    assert set(HARM["shifts"]) == {"en", "ht", "acf"}
    assert {len(row) for row in HARM["terms"].values()} == {2}
    table = {term: weight for term, (_, weight) in HARM["terms"].items()}
    assert table["wbat mwen"] > 0 > table["wmanje"]


SURE = """
import numpy as np
from components.second_look import evidence
for surely in (-1.2e-7, 1 + 1.2e-7):
    assert np.isfinite(evidence(surely, np.array([-1.0, 1.0]), 1, 3, 0.0)).all()
"""


def test_a_second_look_is_taken_where_the_models_sum_is_a_hair_above_one() -> None:
    run(SURE)
