"""How well it understands: read the development set as messages are read, and hold the figures against their floors.

    make eval                                  # or nlu/.venv/bin/python nlu/eval/run.py [--quick] [--record]
    KOUDMEN_EVAL_DATA=/folder make eval        # also on real messages

The folder has mission4636_dev.csv, mission4636_fr_dev.csv, mission4636_en_dev.csv and gcf_tatoeba.csv. Writes
docs/evaluation.md and the pictures beside it; `--quick` prints only. Exit code 1 when a figure is below its floor
(floors.json, written by `--record`), 2 when nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from components.normalise import normalise  # noqa: E402 (found by the path set above)

from eval import figures, floors, reader, report  # noqa: E402
from eval.compare import read_examples  # noqa: E402
from eval.rows import Row, others, real, written  # noqa: E402

NLU, DOCS = HERE.parent, HERE.parents[1] / "docs"
VARIABLE = "KOUDMEN_EVAL_DATA"


def real_rows() -> tuple[list[Row], str | None]:
    """The real messages, or none and the reason."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return [], f"{VARIABLE} is not set, so nothing was measured on real messages."
    try:
        return real(Path(folder)), None
    except FileNotFoundError as error:
        return [], f"{error.filename} is missing, so nothing was measured on real messages."


def mark_seen(rows: Sequence[Row]) -> list[Row]:
    """The rows, with a mark on those whose normal form is in the training data of their language."""
    known = {(example.language, normalise(example.text, example.language)) for example in read_examples(NLU / "data")}
    return [replace(row, seen=(row.language, normalise(row.text, row.language)) in known) for row in rows]


def all_figures(online: Sequence[figures.Pair], offline: Sequence[figures.Pair]) -> list[figures.Figure]:
    """Every figure in the order of the page."""
    own = _own(online)
    theirs = [pair for pair in online if pair[0].kind in ("real", "language")]
    groups = dict.fromkeys(row.group for row, _ in online if row.need)
    f1 = [figures.macro_f1(online, group) for group in groups]
    f1 += [figures.macro_f1(online, group, "need, macro-F1 without rare ones", figures.RAREST) for group in groups]
    return [
        *figures.languages_apart(own, "written"),
        *figures.languages_apart(theirs, "real"),
        *figures.by_group(figures.MEASURES, own),
        *figures.by_group(figures.REAL, theirs),
        *f1,
        *figures.offline(_own(offline)),
    ]


def _own(pairs: Sequence[figures.Pair]) -> list[figures.Pair]:
    return [pair for pair in pairs if pair[0].kind not in ("real", "language")]


def measure() -> report.Results:
    """Train if the training data changed, read everything with and without Rasa, and count."""
    subprocess.run([sys.executable, NLU / "train.py"], check=True)
    found, absent = real_rows()
    rows = mark_seen(written() + others()) + found
    texts = [row.text for row in rows]
    with_rasa, alone = reader.read(texts, offline=False), reader.read(texts, offline=True)
    online = [(row, with_rasa[row.text]) for row in rows]
    model = json.loads((NLU / "models" / "current.json").read_text(encoding="utf-8"))["fingerprint"][:12]
    seen = sum(row.seen and not row.intent for row in rows)
    everything = all_figures(online, [(row, alone[row.text]) for row in rows])
    return report.Results(everything, online, floors.load(), {}, absent, model, seen)


def write(results: report.Results) -> None:
    """The page and its pictures."""
    from eval import pictures  # noqa: PLC0415 (a second of imports that --quick does without)

    folder = DOCS / report.PICTURES
    pictures.draw(results.pairs, folder)
    certainty = {
        name: (pictures.calibration_error(points), len(points))
        for name, points in pictures.certainty(results.pairs).items()
    }
    names = sorted(path.name for path in folder.glob("*.png"))
    text = report.page(replace(results, calibration=certainty, pictures=names))
    (DOCS / "evaluation.md").write_text(text, encoding="utf-8")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure how well messages are understood.")
    parser.add_argument("--quick", action="store_true", help="print the figures; write no page and no pictures")
    parser.add_argument("--record", action="store_true", help="write down these figures, less a margin, as the floors")
    args = parser.parse_args()
    try:
        results = measure()
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"eval: {error}", file=sys.stderr)
        return 2
    if args.record:
        floors.record(results.figures)
        results = replace(results, floors=floors.load())
    if not args.quick:
        write(results)
    print(report.figure_table(results.figures, results.floors))
    print(f"\neval: {results.absent or 'real messages were measured too'}")
    missed = [one for one in results.figures if not one.met]
    print(f"eval: {len(missed)} figures miss their target")
    below = floors.fallen(results.figures, results.floors)
    for line in below:
        print(f"eval: BELOW ITS FLOOR {line}")
    unchecked = floors.unchecked(results.figures, results.floors)
    if unchecked:
        print(f"eval: {len(unchecked)} floors had no figure to hold: {', '.join(unchecked)}")
    return 1 if below or (unchecked and not results.absent) else 0


if __name__ == "__main__":
    sys.exit(main())
