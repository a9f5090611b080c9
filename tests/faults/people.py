"""Who writes what: numbers reserved for fiction, and messages in Haitian Creole."""

import csv
import os
from functools import cache
from itertools import islice, product
from pathlib import Path

from base.settings import ROOT

# 555-0100 to 555-0199 are reserved for fiction in every area of the North American plan.
AREAS = "767 784 758 473 246 868 876 441 242 345".split()
EXAMPLES = ROOT / "nlu" / "data" / "ht"


def addresses(count: int) -> list[str]:
    """So many different addresses, every other one on WhatsApp."""
    numbers = islice((f"+1{area}55501{n:02}" for n, area in product(range(100), AREAS)), count)
    return [f"whatsapp:{number}" if n % 2 else number for n, number in enumerate(numbers)]


@cache
def texts() -> list[str]:
    """Real messages when KOUDMEN_BENCH_CSV names a file with a column `original`, else the written examples."""
    named = os.environ.get("KOUDMEN_BENCH_CSV")
    found = _real(Path(named)) if named else _written()
    return [text for text in dict.fromkeys(found) if text]


def _real(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["original"].strip()[:1600] for row in csv.DictReader(file)]


def _written() -> list[str]:
    """Lines of all files in turn, so that any number of them is a mixture."""
    files = [
        [line.strip()[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("    - ")]
        for path in sorted(EXAMPLES.glob("*.yml"))
    ]
    longest = max(len(lines) for lines in files)
    return [lines[n] for n in range(longest) for lines in files if n < len(lines)]


def messages(count: int) -> list[tuple[str, str]]:
    """(address, text) of so many people who write once each."""
    words = texts()
    return [(address, words[n % len(words)]) for n, address in enumerate(addresses(count))]
