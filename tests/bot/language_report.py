"""Measures bot.language on whatever labelled text is at hand and prints a table.

    KOUDMEN_EVAL_DATA=/folder python -m tests.bot.language_report

The folder may hold mission4636_dev.csv, mission4636_fr_dev.csv, mission4636_en_dev.csv, gcf_tatoeba.csv,
mit_haiti_parallel.csv and udhr_acf_preamble_excerpt.txt (none of them ships with the project); what is absent is said.
The project's own training sentences in nlu/data are always measured.
"""

import csv
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from bot.language import LANGUAGES, detect
from bot.normalise import plain_words

ROOT = Path(__file__).parents[2]
COLUMNS = {
    "mission4636_dev.csv": [("original", "ht")],
    "mission4636_fr_dev.csv": [("original", "fr")],
    "mission4636_en_dev.csv": [("original", "en")],
    "gcf_tatoeba.csv": [("sentence", "acf"), ("sentence_fra", "fr"), ("sentence_eng", "en")],
    "mit_haiti_parallel.csv": [("ht", "ht")],
}
PLAIN = {"udhr_acf_preamble_excerpt.txt": "acf"}


def own() -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of the project's training sentences."""
    for path in sorted((ROOT / "nlu" / "data").glob("*/*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in block["examples"].splitlines():
                yield f"nlu/data/{path.parent.name}", path.parent.name, line.removeprefix("- ")


def outside(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of the files in the evaluation folder; says on stderr which are absent."""
    for name in (*COLUMNS, *PLAIN):
        path = folder / name
        if not path.is_file():
            print(f"absent: {path}", file=sys.stderr)
        elif name in PLAIN:
            yield from ((name, PLAIN[name], line) for line in path.read_text(encoding="utf-8").splitlines())
        else:
            with path.open(encoding="utf-8", newline="") as rows:
                for row in csv.DictReader(rows):
                    yield from ((f"{name}:{column}", code, row[column] or "") for column, code in COLUMNS[name])


def report(samples: Iterable[tuple[str, str, str]]) -> None:
    """One line a source: how many of its texts of three words and more were named what."""
    named: dict[tuple[str, str], Counter[str]] = {}
    started, count = time.perf_counter(), 0
    for source, code, text in samples:
        if code in LANGUAGES and len(plain_words(text)) >= 3:
            guess = detect(text)
            named.setdefault((source, code), Counter()).update(
                [guess.code or "none", *(["sure"] if guess.sure else [])]
            )
            count += 1
    print(f"{1000 * (time.perf_counter() - started) / max(count, 1):.3f} ms a text, {count} texts of 3 words and more")
    for (source, code), found in sorted(named.items()):
        total = sum(found.values()) - found["sure"]
        others = ", ".join(f"{other} {number}" for other, number in found.most_common() if other not in (code, "sure"))
        right, sure = found[code] / total, found["sure"] / total
        print(f"{source:38} {code:4} n={total:5} right {right:.3f} sure {sure:.3f}  {others}")


if __name__ == "__main__":
    given = os.environ.get("KOUDMEN_EVAL_DATA")
    if not given:
        print("absent: KOUDMEN_EVAL_DATA is not set, only nlu/data is measured", file=sys.stderr)
    report([*own(), *(outside(Path(given)) if given else ())])
