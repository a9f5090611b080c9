"""The worst day: `make bench-day` sends a mixed load for ten minutes; the last line is one JSON object.

English and Kreyol by turns, one person in ten on WhatsApp, one message in a hundred tells of harm, somebody is on call.
Everybody writes once, when it is their time, whether or not the service keeps up.
"""

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path

from tests.bench import load, pages, report
from tests.bench.load import percentile
from tests.bench.memory import Watch, megabytes
from tests.bench.messages import letters
from tests.bench.stack import running

WARM = 200


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


if __name__ == "__main__":
    sys.exit(main())
