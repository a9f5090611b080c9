"""What is sent: real Kreyol messages when a file of them is at hand, else the project's own training sentences."""

import csv
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from base.settings import ROOT
from messaging import optout

VARIABLE = "KOUDMEN_BENCH_CSV"  # a CSV with a column `original`; such messages are never part of the project
ON_WHATSAPP = 10  # one person in so many


@dataclass(frozen=True)
class Letter:
    """One message and who sends it, as Twilio writes addresses."""

    sender: str
    text: str


class People:
    """Deals out messages, each from somebody who has not written before. `source` says where the texts are from."""

    def __init__(self) -> None:
        found, self.source = _texts()
        self._texts = itertools.cycle(found)
        self._numbers = itertools.count()

    def write(self, count: int) -> list[Letter]:
        """`count` messages from `count` new people."""
        return [Letter(sender(next(self._numbers)), next(self._texts)) for _ in range(count)]


def sender(number: int) -> str:
    """An address that is nobody's: no area code of North America begins with 0."""
    address = f"+1055{number:07}"
    return address if number % ON_WHATSAPP else f"whatsapp:{address}"


def _texts() -> tuple[list[str], str]:
    named = os.environ.get(VARIABLE)
    found = _real(Path(named)) if named else _written()
    # To STOP and the like the carrier answers itself: no reply of ours is due.
    kept = [text for text in dict.fromkeys(found) if text.strip() and not optout.asked(text, {}, opted_out=False)]
    source = f"real messages ({VARIABLE})" if named else f"the project's own sentences (no {VARIABLE})"
    return kept, f"{source}, {len(kept):,} different ones"


def _real(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from (row["original"] for row in csv.DictReader(file))


def _written() -> Iterator[str]:
    """The Kreyol sentences the model is trained on, one of each intent in turn."""
    by_intent = [
        [line.removeprefix("- ").strip() for line in block["examples"].splitlines() if line.startswith("- ")]
        for path in sorted((ROOT / "nlu" / "data" / "ht").glob("*.yml"))
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
    ]
    for row in itertools.zip_longest(*by_intent):
        yield from (text for text in row if text)
