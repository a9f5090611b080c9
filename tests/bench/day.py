"""The worst day: `make bench-day` sends a mixed load for ten minutes; the last line is one JSON object.

English and Kreyol by turns, one person in ten on WhatsApp, one message in a hundred tells of harm, somebody is on call.
Everybody writes once, when it is their time, whether or not the service keeps up.
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from base.settings import ROOT
from messaging import optout
from tests.bench import load, pages, report
from tests.bench.load import percentile
from tests.bench.memory import Watch, megabytes
from tests.bench.messages import Letter, sender
from tests.bench.stack import running

HARM_EACH = 100  # one message in so many tells of harm
WARM = 200
NOT_PAGED = "discrimination"  # severity standard: it waits for office hours


def main() -> int:
    """Measure and print. 1 when a message was lost or answered twice, a webhook refused, or a page never came."""
    chosen = _options()
    count = round(chosen.rate * chosen.seconds)
    print(f"{count:,} messages in {chosen.seconds:g} s, {chosen.rate:g} a second", flush=True)
    everyone = letters()
    with tempfile.TemporaryDirectory(prefix="koudmen-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        with running(folder / "home") as stack:
            load.end_to_end(stack, [one for one, _ in itertools.islice(everyone, WARM)], chosen.connections)
            pages.hire(stack)
            idle = megabytes(stack.parts())
            sent = list(itertools.islice(everyone, count))
            with Watch(stack.parts()) as watch:
                run = load.end_to_end(stack, [one for one, _ in sent], chosen.connections, chosen.rate)
            due = zip(sent, run.flood.due, strict=True)
            paged = pages.since(stack, {one.sender: start for (one, harm), start in due if harm})
    print(f"\n{report.HEAD}\n{report.row(f'{chosen.rate:g}/s for {chosen.seconds:g} s', run)}")
    print(report.row_pages("page", paged))
    print(report.costs("the whole run", run))
    print(f"memory, idle and at most (MB): {idle:.0f}, {watch.most:.0f}\n{report.faults(run.answers)}")
    print(_last_line(run, paged, idle, watch.most))
    return 1 if run.answers or max(paged) >= pages.NEVER_S else 0


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="make bench-day", description=__doc__)
    options.add_argument("--rate", type=float, default=120, help="messages a second")
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--connections", type=int, default=16, help="kept open by whoever posts")
    return options.parse_args()


def _last_line(run: load.Result, paged: list[float], idle: float, most: float) -> str:
    figures = {
        "messages": len(run.flood.answers),
        "messages_per_s": round(run.per_s, 1),
        "webhook_p99_ms": round(run.webhook_ms(99), 1),
        "reply_p95_s": round(run.reply_s(95), 3),
        "pages": len(paged),
        "page_p99_s": round(percentile(paged, 99), 3),
        "memory_idle_mb": round(idle),
        "memory_load_mb": round(most),
        "lost": run.answers.lost,
        "twice": run.answers.twice,
        "failed": run.answers.failed + run.answers.refused,
    }
    return json.dumps(figures)


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
    found = (text for row in itertools.zip_longest(*by_intent) for text in row if text)
    return [text for text in dict.fromkeys(found) if text and not optout.asked(text, {}, opted_out=False)]


if __name__ == "__main__":
    sys.exit(main())
