"""`make bench`: how fast the service answers; the last line is one JSON object."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import load, pages, rasa_rest, report
from tests.bench.answers import Answers, count_answers
from tests.bench.load import Result
from tests.bench.memory import Watch, megabytes
from tests.bench.messages import Letter, People
from tests.bench.stack import Stack, running
from tests.fakes.twilio import Flood

WARM = 100  # messages before anything is measured
WEBHOOKS_PER_S, WEBHOOK_S = 300, 10
WEBHOOKS_AT_LIMIT, AT_LIMIT = 6000, 32  # messages, and connections kept open, as fast as they are answered
PAGES, BESIDE_PER_S, BESIDE_S = 50, 100, 12


def main() -> int:
    """Measure and print. 1 when a message was lost or answered twice, or a webhook was not answered with 204."""
    chosen = _options()
    people = People()
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(f"{chosen.messages:,} messages from {chosen.messages:,} people a run; {people.source}", flush=True)
    warm, letters = people.write(WARM), people.write(chosen.messages)
    with tempfile.TemporaryDirectory(prefix="koudmen-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        with running(folder / "home") as stack:
            load.end_to_end(stack, warm, chosen.connections)
            idle = megabytes(stack.parts())
            with Watch(stack.parts()) as watch:
                fast = load.end_to_end(stack, letters, chosen.connections)
            print(f"\n{report.HEAD}\n{report.row('end to end, full speed', fast)}", flush=True)
            steady = load.end_to_end(stack, people.write(chosen.messages), chosen.connections, chosen.rate)
            print(report.row(f"end to end, {chosen.rate:g}/s", steady), flush=True)
            alone, refused = _webhook_alone(
                stack, people.write(WEBHOOKS_PER_S * WEBHOOK_S), chosen.connections, WEBHOOKS_PER_S
            )
            print(report.row_webhook(f"webhook alone, {WEBHOOKS_PER_S}/s", alone, WEBHOOKS_PER_S), flush=True)
            most, more = _webhook_alone(stack, people.write(WEBHOOKS_AT_LIMIT), AT_LIMIT, None)
            print(report.row_webhook("webhook alone, at its limit", most, None), flush=True)
            pages.hire(stack)
            calm = pages.idle(stack, PAGES)
            print(report.row_pages("page, idle", calm), flush=True)
            beside = people.write(BESIDE_PER_S * BESIDE_S)
            storm = pages.busy(stack, PAGES, beside, chosen.connections, BESIDE_PER_S)
            print(report.row_pages(f"page, beside {BESIDE_PER_S}/s", storm), flush=True)
        rest = rasa_rest.measure(folder / "rest", warm, letters, chosen.connections)
    print(report.row_rest("Rasa's REST channel", rest))
    found = fast.answers + steady.answers + refused + more
    print(f"memory, idle and at full speed (MB): {idle:.0f}, {watch.most:.0f}")
    memory = {"memory_idle_mb": round(idle), "memory_load_mb": round(watch.most)}
    return _conclude(fast, steady, rest, (calm, storm), (alone, most), found, memory)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="make bench", description=__doc__)
    options.add_argument("--messages", type=int, default=1000, help="in each run from end to end")
    options.add_argument("--rate", type=float, default=40, help="messages a second in the steady run")
    options.add_argument("--connections", type=int, default=8, help="kept open by whoever posts")
    return options.parse_args()


def _webhook_alone(stack: Stack, letters: list[Letter], connections: int, rate: float | None) -> tuple[Flood, Answers]:
    with stack.workers_paused():
        flood = load.flood_with(stack, letters, connections, rate)
    found = count_answers(stack, [], flood)
    return flood, found


def _conclude(
    fast: Result,
    steady: Result,
    rest: rasa_rest.Rest,
    paged: tuple[list[float], list[float]],
    webhooks: tuple[Flood, Flood],
    found: Answers,
    memory: dict[str, int],
) -> int:
    print(
        "\nAt full speed the replies wait in a queue: those latencies say how long it was. The steady run's say how "
        "long a person waits."
    )
    for title, run in (("full speed", fast), ("steady", steady), ("Rasa's REST channel", rest)):
        if run.cpu_ms:
            print(report.costs(title, run))
    if rest.silent:
        print(f"Rasa's REST channel gave no reply to {rest.silent} messages (not counted)")
    print(f"{report.faults(found)}\nours / Rasa's REST channel: {fast.per_s / rest.per_s:.2f}")
    print(report.last_line(fast, steady, rest, paged, webhooks, found, memory))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
