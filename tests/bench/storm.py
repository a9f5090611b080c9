"""The storm: `make faults-long` sends 100,000 messages while one part after another is killed, frozen or made to fail.

The mix of the worst day, one message in a hundred telling of harm, somebody on call. What a webhook could not take is
fetched by the reconciler, so every message counts, also those that were refused. Afterwards everything drains, and the
double's books are held against the database's. The last line is one JSON object; the exit code is 0 when nothing was
lost, nothing given twice (but where the carrier's answer was unknown: listed) and every disclosure paged.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.bench import pages
from tests.bench.messages import Letter, letters
from tests.bench.stack import Stack, running
from tests.bench.verdict import Unknowns, Verdict, judge
from tests.bench.weather import Weather, clock_environment

PART = 2000  # messages made and signed at a time
MOST_WAITING = 5000
PATIENCE_S = 1200.0
SWEEPER = {"reconcile": "1 min", "look_back": "20 min"}  # synthetic messages stay off
_OPEN = text("""
SELECT (SELECT count(*) FROM inbound_message WHERE handled_at IS NULL)
     + (SELECT count(*) FROM outbound_message WHERE state IN ('queued', 'sending', 'unknown'))
""")
_WRITTEN = text("SELECT external_id FROM inbound_message WHERE provider = 'twilio'")


def main() -> int:
    chosen = _options()
    print(f"{chosen.messages:,} messages, {chosen.rate:g} a second, a fault each {chosen.every:g} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="koudmen-storm-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        home = folder / "home"
        with running(home, sweeper=SWEEPER, env=clock_environment(home)) as stack:
            figures, verdict = _storm(stack, chosen)
        if figures["wrong"] and chosen.keep:
            shutil.copytree(home / "logs", chosen.keep, dirs_exist_ok=True)
    print(f"unknown outcomes that the carrier got twice: {' '.join(verdict.twice_unknown) or 'none'}")
    print(json.dumps(figures))
    return 1 if figures["wrong"] else 0


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="make faults-long", description=__doc__)
    options.add_argument("--messages", type=int, default=100_000)
    options.add_argument("--rate", type=float, default=80, help="messages a second")
    options.add_argument("--every", type=float, default=4, help="seconds from one fault to the next, on average")
    options.add_argument("--seed", type=int, default=1, help="of the dice that choose the faults")
    options.add_argument("--keep", default="", help="a folder for the logs when something was wrong")
    return options.parse_args()


def _storm(stack: Stack, chosen: argparse.Namespace) -> tuple[dict[str, object], Verdict]:
    pages.hire(stack)
    begun, weather = time.monotonic(), Weather(stack, chosen.seed, chosen.every)
    statuses: Counter[int] = Counter()
    harmed: set[str] = set()
    with Unknowns(stack) as unknowns:
        weather.thread.start()
        for part in _parts(chosen.messages):
            harmed |= {letter.sender for letter, harm in part if harm}
            flood = stack.double.flood([(one.sender, one.text) for one, _ in part], rate=chosen.rate, connections=16)
            statuses.update(flood.statuses)
            _tell_progress(stack, begun, weather)
            _until(lambda: _waiting(stack) < MOST_WAITING, 60)
        weather.clear_up()
        print(f"over after {time.monotonic() - begun:.0f} s; webhooks answered {dict(statuses)}", flush=True)
        drained = _until(lambda: _drained(stack), PATIENCE_S)
        missing = _unpaged(stack, harmed)
        stack.double.settle(60)
    verdict = judge(stack, unknowns.ids)
    _tell(verdict, missing)
    return {
        "messages": len(stack.double.inbound),
        "seconds": round(time.monotonic() - begun),
        "drained": drained,
        "webhooks": dict(statuses),
        "lost": verdict.lost,
        "twice": verdict.wrong_twice,
        "unknown": len(verdict.unknown),
        "unknown_twice": len(verdict.twice_unknown),
        "disclosures": len(harmed),
        "pages_missing": len(missing),
        "faults": weather.made.total(),
        "by_kind": dict(sorted(weather.made.items())),
        "seed": chosen.seed,
        "wrong": verdict.lost + verdict.wrong_twice + len(missing) + (not drained),
    }, verdict


def _parts(count: int) -> Iterator[list[tuple[Letter, bool]]]:
    everyone = itertools.islice(letters(), count)
    while part := list(itertools.islice(everyone, PART)):
        yield part


def _unpaged(stack: Stack, harmed: set[str]) -> set[str]:
    """People whose disclosure no page tells of; those still under way are waited for."""
    _until(lambda: pages.arrived_pages(stack, harmed).keys() >= harmed, pages.PATIENCE_S)
    return harmed - pages.arrived_pages(stack, harmed).keys()


def _waiting(stack: Stack) -> int:
    """Messages that people wrote and that are not answered yet: on a slow machine the storm does not run ahead."""
    return len(stack.double.inbound) - len(stack.double.sent())


def _drained(stack: Stack) -> bool:
    """Everything that people wrote is in the inbox (the reconciler comes for what is missing), and nothing waits."""
    try:
        with stack.engine.connect() as connection:
            if connection.scalar(_OPEN):
                return False
            return set(connection.scalars(_WRITTEN)) >= stack.double.inbound.keys()
    except SQLAlchemyError:
        return False


def _until(done: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < until:
        time.sleep(1)
    return found


def _tell_progress(stack: Stack, begun: float, weather: Weather) -> None:
    came, left = len(stack.double.inbound), len(stack.double.sent())
    seconds = time.monotonic() - begun
    print(f"{seconds:6.0f} s  {came:,} in, {left:,} out, {weather.made.total()} faults", flush=True)


def _tell(verdict: Verdict, missing: set[str]) -> None:
    """The first ids of each kind that should not be there."""
    for name, ids in vars(verdict).items():
        if ids and name != "unknown":
            print(f"{name}: {len(ids)}, {' '.join(ids[:5])}")
    if missing:
        print(f"not paged: {' '.join(sorted(missing)[:5])}")


if __name__ == "__main__":
    sys.exit(main())
