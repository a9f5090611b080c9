"""What is sent: real Kreyol messages when a file of them is at hand, else the sentences of our own training data,
English and Kreyol by turns, one in a hundred telling of harm."""

import csv
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from base.settings import ROOT
from messaging import optout

VARIABLE = "KOUDMEN_BENCH_CSV"  # a CSV with a column `original`; such messages are never part of the project
ON_WHATSAPP = 10  # one person in so many
HARM_EACH = 100  # one message in so many tells of harm
NOT_PAGED = "discrimination"  # severity standard: it waits for office hours


@dataclass(frozen=True)
class Letter:
    """One message and who sends it, as Twilio writes addresses."""

    sender: str
    text: str


class People:
    """Deals out messages, each from somebody who has not written before. `source` says where the texts are from."""

    def __init__(self) -> None:
        named = os.environ.get(VARIABLE)
        self._letters = _from(Path(named)) if named else (letter for letter, _ in letters())
        self.source = f"real messages ({VARIABLE})" if named else f"the project's own sentences (no {VARIABLE})"

    def write(self, count: int) -> list[Letter]:
        """`count` messages from `count` new people."""
        return list(itertools.islice(self._letters, count))


def sender(number: int) -> str:
    """An address that is nobody's: no area code of North America begins with 0."""
    address = f"+1055{number:07}"
    return address if number % ON_WHATSAPP else f"whatsapp:{address}"


def _from(path: Path) -> Iterator[Letter]:
    with path.open(encoding="utf-8", newline="") as file:
        texts = itertools.cycle(_answered([row["original"] for row in csv.DictReader(file)]))
    for number, text in enumerate(texts):
        yield Letter(sender(number), text)


def _answered(texts: Iterable[str]) -> list[str]:
    """Each once, without STOP and the like: the carrier answers those itself, no reply of ours is due."""
    return [text for text in dict.fromkeys(texts) if text.strip() and not optout.asked(text, {}, opted_out=False)]


def letters() -> Iterator[tuple[Letter, bool]]:
    """Endless messages, each from somebody new, and whether it tells of harm."""
    plain = itertools.cycle(_in_turn(_sentences("en", harm=False), _sentences("ht", harm=False)))
    grave = itertools.cycle(_in_turn(_sentences("en", harm=True), _sentences("ht", harm=True)))
    for number in itertools.count():
        harm = number % HARM_EACH == number // HARM_EACH % HARM_EACH  # on either channel
        yield Letter(sender(number), next(grave if harm else plain)), harm


def _in_turn(first: list[str], second: list[str]) -> list[str]:
    """One of each by turns, as many of both."""
    return [text for pair in zip(first, second, strict=False) for text in pair]


def _sentences(language: str, *, harm: bool) -> list[str]:
    """The sentences the model is trained on, one of each intent in turn."""
    by_intent = [
        [line.removeprefix("- ").strip() for line in block["examples"].splitlines() if line.startswith("- ")]
        for path in sorted((ROOT / "nlu" / "data" / language).glob("*.yml"))
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        if ("disclose" in block["intent"]) is harm and NOT_PAGED not in block["intent"]
    ]
    return _answered(text for row in itertools.zip_longest(*by_intent) for text in row if text)
