"""Whether a new model may take the place of the one that runs. Used by `koudmen nlu train`.

    nlu/.venv/bin/python nlu/eval/judge.py --texts                      # the development set, a JSON list of texts
    nlu/.venv/bin/python nlu/eval/judge.py --before A.json --after B.json

A and B are JSON objects: text -> the line of `koudmen classify`. Prints a JSON object: `worse`, sentences for a person
(empty: the new model may take over), and `figures`, each figure's value with the new model.

Refused is a model that hears one disclosure less of any concern, that raises more false
alarms (by more than a point or two messages), or that is below the
recorded floor of a figure and below what runs now.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from eval import figures, floors  # noqa: E402 (found by the path set above)
from eval.reader import Answer  # noqa: E402
from eval.rows import Row, others, written  # noqa: E402

ALARMS = "false alarms"


def own_rows() -> list[Row]:
    """The development set and the other writers' sentences."""
    return written() + others()


def answers(path: Path) -> list[figures.Pair]:
    """The development set with what was read in it."""
    read = json.loads(path.read_text(encoding="utf-8"))
    return [(row, Answer(**{name: read[row.text].get(name) for name in Answer.__annotations__})) for row in own_rows()]


def heard(pairs: list[figures.Pair]) -> Counter[str]:
    """How many disclosures of each concern raised any concern."""
    return Counter(row.concern for row, answer in pairs if row.concern and answer.concern)


def verdict(before: list[figures.Pair], after: list[figures.Pair]) -> tuple[list[str], dict[str, float]]:
    """What speaks against the new model, and its figures."""
    old, new = (
        {figure.key: figure for figure in figures.by_group(figures.MEASURES, pairs)} for pairs in (before, after)
    )
    had, has = heard(before), heard(after)
    worse = [
        f"{concern}: {has[concern]} heard, {had[concern]} before"
        for concern in sorted(had)
        if has[concern] < had[concern]
    ]
    below = floors.fallen(list(new.values()), floors.load())
    worse += [line for line in below if _fell(line.partition(":")[0], old, new)]
    for key, figure in new.items():
        if key.startswith(ALARMS) and figure.value > old[key].value + floors.margin(figure):
            worse.append(f"{key}: {figure.value:.3f}, {old[key].value:.3f} before")
    return worse, {key: round(figure.value, 4) for key, figure in new.items()}


def _fell(key: str, old: dict[str, figures.Figure], new: dict[str, figures.Figure]) -> bool:
    change = new[key].value - old[key].value
    return change > 0 if new[key].low else change < 0


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Whether a new model may take over.")
    parser.add_argument("--texts", action="store_true")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--after", type=Path)
    args = parser.parse_args()
    if args.texts:
        print(json.dumps(list(dict.fromkeys(row.text for row in own_rows()))))
        return 0
    worse, found = verdict(answers(args.before), answers(args.after))
    print(json.dumps({"worse": worse, "figures": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
