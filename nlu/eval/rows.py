"""The messages to measure on: our own written ones (`dev/*.csv`) and, where they are at hand, real ones."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

DEV = Path(__file__).resolve().parent / "dev"
# other writers' sentences, reported apart
WRITERS = tuple("second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split())
UNREAD = WRITERS[-5:]  # sets that nobody here has read: shown on no page
OTHERS = {name: DEV.with_name(f"dev{number}") for number, name in enumerate(WRITERS, 2)}
WRITTEN = ("en", "ht", "acf", "fr", "es")
UNACCENTED = ("ht", "acf")  # read a second time without accents, as most people type
REAL = "mission4636_dev.csv"
LABELLED = {"real ht": "mission4636_labels.csv", "second real ht": "mission4636_second_labels.csv"}
OTHER_REAL = {"fr": "mission4636_fr_dev.csv", "en": "mission4636_en_dev.csv"}
GUADELOUPE, EVERY = "gcf_tatoeba.csv", 8


@dataclass(frozen=True)
class Row:
    """One message and what should be read in it.

    `group` is the line of a table it counts in. `need` may name several codes between `|`: each is right. `kind` is
    need, disclosure, both, harmless, alarming_harmless, intent:<name>, or real. `seen`: also in the training data.
    """

    id: str
    text: str
    group: str
    language: str
    need: str = ""
    concern: str = ""
    severity: str = ""
    place: str = ""
    kind: str = "real"
    seen: bool = False

    @property
    def words(self) -> int:
        return len(self.text.split())

    @property
    def needs(self) -> list[str]:
        return self.need.split("|") if self.need else []

    @property
    def intent(self) -> str:
        return self.kind.partition(":")[2]


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file by column name."""
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def written() -> list[Row]:
    """The development set, and copies without accents of the creole texts that have some."""
    rows = [
        Row(f"{code}:{number}", group=code, **line)
        for code in WRITTEN
        for number, line in enumerate(read_csv(DEV / f"{code}.csv"), 2)
    ]
    copies = [
        replace(row, id=f"{row.id}u", text=unaccent(row.text), group=f"{row.group} unaccented")
        for row in rows
        if row.language in UNACCENTED and unaccent(row.text) != row.text
    ]
    return rows + copies


def others() -> list[Row]:
    """The other writers' sentences, in groups of their own ("second en", ...)."""
    return [
        Row(f"{writer}-{path.stem}:{number}", group=f"{writer} {path.stem}", **line)
        for writer, folder in OTHERS.items()
        for path in sorted(folder.glob("*.csv"))
        for number, line in enumerate(read_csv(path), 2)
    ]


def unaccent(text: str) -> str:
    """The text without its accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def real(folder: Path) -> list[Row]:
    """The labelled messages to 4636 in `folder`, the French and English ones, and a sample of Guadeloupean creole.
    FileNotFoundError when one of the four files is missing."""
    texts = {line["id"]: line["original"] for line in read_csv(folder / REAL)}
    rows = [
        Row(line["id"], texts[line["id"]], group, line["language"], line["need"], line["concern"])
        for group, name in LABELLED.items()
        for line in read_csv(DEV / name)
        if line["id"] in texts
    ]
    for code, name in OTHER_REAL.items():
        rows += [
            Row(f"{code}-{line['id']}", line["original"], f"real {code}", code, kind="language")
            for line in read_csv(folder / name)
        ]
    for number, line in enumerate(read_csv(folder / GUADELOUPE)):
        if number % EVERY == 0:
            rows.append(Row(f"gcf-{number}", line["sentence"], "Guadeloupe", "acf", kind="language"))
    return rows
