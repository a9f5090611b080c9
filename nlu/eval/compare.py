"""Compare pipelines on the training data: quality by cross-validation, latency, memory, training time.

    nlu/.venv/bin/python nlu/eval/compare.py --only-first-fold --sample 2500 --out docs/evaluation/compare.md

Writes two Markdown tables (all pipelines; per language). Each pipeline runs in a process of its own, one after the
other, on the same folds. `rasa-diet` takes many minutes a fold: `--only-first-fold` gives every pipeline one, and
`--sample` takes so many examples spread evenly over all. fastText is in the group `eval` of `pyproject.toml`
(`uv sync --group eval`).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from components.heads import deal_folds, together  # noqa: E402 (found by the path set above)
from components.labels import LANGUAGES, NONE, split_label, writer_of  # noqa: E402
from components.neighbours import group_neighbours  # noqa: E402
from components.normalise import normalise  # noqa: E402
from components.reader import Example  # noqa: E402


def read_examples(data: Path) -> list[Example]:
    """Every example under `data/<language>/*.yml`, each text once a language."""
    from ruamel.yaml import YAML  # noqa: PLC0415 (the measuring child does without)

    found: dict[tuple[str, str], Example] = {}
    for path in sorted(data.glob("*/*.yml")):
        language = path.parent.name
        for intent in YAML(typ="safe").load(path)["nlu"]:
            for line in intent["examples"].splitlines():
                text = line.strip().removeprefix("- ").strip()
                if text:
                    key = (language, normalise(text, language))
                    found.setdefault(key, Example(text, language, intent["intent"], writer_of(path)))
    return list(found.values())


def deal(examples: list[Example], folds: int) -> np.ndarray:
    """The fold of each example: variants stay together, dealt round by language and label in a fixed order; so does
    what one writer wrote."""
    texts = [(normalise(e.text, e.language), e.language) for e in examples]
    groups = group_neighbours(texts, [e.label for e in examples])
    dealt = deal_folds(groups, [f"{e.language} {e.label}" for e in examples], folds)
    return together(dealt, [e.writer for e in examples], folds)


class Score:
    """Counts of right and wrong answers."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.count: Counter[str] = Counter()

    def add(self, example: Example, wanted: str, concern: str) -> None:
        """Count one answer."""
        true_wanted, true_concern = split_label(example.label)
        if true_wanted != NONE:
            self.count.update(n_wanted=1, wanted=int(wanted == true_wanted))
        if true_concern != NONE:
            self.count.update(n_concern=1, raised=int(concern != NONE), named=int(concern == true_concern))
        else:
            self.count.update(n_harmless=1, alarmed=int(concern != NONE))

    def cells(self) -> list[str]:
        """Need or intent right, any concern raised, concern named right, false alarms; each with its count."""
        pairs = (("wanted", "n_wanted"), ("raised", "n_concern"), ("named", "n_concern"), ("alarmed", "n_harmless"))
        return [self._cell(self.count[part], self.count[whole]) for part, whole in pairs]

    @staticmethod
    def _cell(part: int, whole: int) -> str:
        return f"{part / whole:.3f} ({whole})" if whole else "-"


def cross_validate(name: str, examples: list[Example], folds: int, only_first: bool) -> dict[str, Any]:
    """Quality of one pipeline over the folds, by language and together, and the seconds of its last training."""
    from pipelines import PIPELINES  # noqa: PLC0415 (beside this file)

    fold = deal(examples, folds)
    counts: dict[str, Score] = defaultdict(Score)
    seconds = 0.0
    pipeline = PIPELINES[name][1]()
    for held in range(1 if only_first else folds):
        begun = time.monotonic()
        pipeline.fit([e for e, f in zip(examples, fold) if f != held])  # noqa: B905
        seconds = time.monotonic() - begun
        print(f"{name}: fold {held + 1} of {folds} trained in {seconds:.0f} s", file=sys.stderr, flush=True)
        for e in (e for e, f in zip(examples, fold) if f == held):  # noqa: B905
            answer = pipeline.read(e.text, e.language)
            unknown = pipeline.read(e.text, None)
            counts["all"].add(e, answer.wanted, answer.concern)
            counts[str(e.language)].add(e, answer.wanted, answer.concern)
            counts["language unknown"].add(e, unknown.wanted, unknown.concern)
    with tempfile.TemporaryDirectory() as folder:
        pipeline.save(Path(folder))
        measured = child("--measure", name, "--model", folder)
    return {"cells": {k: s.cells() for k, s in counts.items()}, "seconds": seconds, **measured}


def measure(name: str, folder: Path, texts: Iterable[tuple[str, str | None]]) -> dict[str, float]:
    """Latency (ms) and memory (MB) of a process that only loads and reads."""
    from pipelines import PIPELINES  # noqa: PLC0415

    pipeline = PIPELINES[name][1]()
    pipeline.load(folder)
    spent = []
    for text, language in texts:
        begun = time.perf_counter()
        pipeline.read(text, language)
        spent.append((time.perf_counter() - begun) * 1000)
    rate = 1000 * len(spent) / sum(spent)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "p50": float(np.percentile(spent, 50)),
        "p99": float(np.percentile(spent, 99)),
        "memory": memory,
        "rate": rate,
    }


def child(*arguments: str) -> dict[str, Any]:
    """Run this script once more in a new process; its last line is JSON."""
    done = subprocess.run(
        [sys.executable, str(HERE / "compare.py"), *ARGUMENTS, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def costs(r: dict[str, Any]) -> list[str]:
    """What a pipeline costs: one reading (ms), readings a second of one process, its memory (MB), training (s)."""
    return [f"{r['p50']:.2f}", f"{r['p99']:.2f}", f"{r['rate']:.0f}", f"{r['memory']:.0f}", f"{r['seconds']:.0f}"]


def thinned(examples: list[Example], most: int) -> list[Example]:
    """At most so many examples, spread evenly; the same ones every time."""
    if not most or len(examples) <= most:
        return examples
    return [examples[int(i * len(examples) / most)] for i in range(most)]


INTRO = """# Pipelines side by side

Made by `{command}`, {count} examples of `nlu/data`, {folds}. Held-out examples; a text and its variants are always on
one side. In brackets: how many texts count. Speed and memory are of a process that only loads the model and reads;
other work on the machine shows in them.

- `two-heads`: ours, without Rasa round it and without the vocabulary and the second look that the service's model has.
  `svc`: TF-IDF of words and character n-grams with a linear support vector machine. `fasttext`: fastText supervised.
  `rasa-logistic`: Rasa's count vectors and logistic regression. `rasa-diet`: what `rasa init` of 3.6 writes.

"""


def intro(args: argparse.Namespace, count: int) -> str:
    """The words above the tables."""
    folds = f"first of {args.folds} folds" if args.only_first_fold else f"{args.folds} folds"
    command = " ".join(["nlu/.venv/bin/python nlu/eval/compare.py", *ARGUMENTS])
    return INTRO.format(command=command, count=count, folds=folds)


def report(results: dict[str, dict[str, Any]]) -> str:
    """Both tables."""
    quality = ["need or intent right", "any concern raised", "concern named right", "false alarms"]
    cost = ["p50 ms", "p99 ms", "texts/s", "memory MB", "training s"]
    first = [[name, *r["cells"]["all"], *costs(r)] for name, r in results.items()]
    order = [*LANGUAGES, "language unknown"]
    second = [[name, k, *r["cells"][k]] for name, r in results.items() for k in order if k in r["cells"]]
    return table(["pipeline", *quality, *cost], first) + "\n" + table(["pipeline", "language", *quality], second)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compare pipelines on the training data.")
    parser.add_argument(
        "--pipelines", default="two-heads,svc,fasttext,rasa-logistic,rasa-diet", help="which, comma between"
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "data")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-first-fold", action="store_true")
    parser.add_argument("--sample", type=int, default=0, help="so many examples (0: all)")
    parser.add_argument("--out", type=Path, help="write the tables here as well")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    examples = thinned(read_examples(args.data), args.sample)
    if args.measure:
        texts = [(e.text, e.language) for e in examples[:: max(1, len(examples) // 500)]]
        print(json.dumps(measure(args.measure, args.model, texts)))
    elif args.one:
        print(json.dumps(cross_validate(args.one, examples, args.folds, args.only_first_fold)))
    else:
        results = {name: child("--one", name) for name in args.pipelines.split(",")}
        tables = intro(args, len(examples)) + report(results)
        print(tables)
        if args.out:
            args.out.write_text(tables, encoding="utf-8")
    return 0


ARGUMENTS = sys.argv[1:]

if __name__ == "__main__":
    sys.exit(main())
