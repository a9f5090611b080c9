"""`python -m tests.bench.growth`: what a message costs while the tables grow from 1,000 to 10,000,000 stored messages.

A message is taken in, read by phrases and keywords (Rasa's time does not depend on the database), answered, and its
reply claimed and noted as sent: the product's own functions, a real PostgreSQL, one process, one after the other.
Stored messages are written by SQL, half in and half out. The middle of several rounds is told, and their spread.
The last line is one JSON object; the exit code is 0 when the largest size costs at most a fifth more than the smallest.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.crypto import new_key_text, parse_keys
from base.db import make_engine, make_sessions, transaction, use_keys
from base.settings import load_settings
from bot.drain import Drain
from bot.rasa import Away
from directory import load
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres
from messaging import inbox, outbox, simulator
from tests.bench import crowd

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
ROUNDS, EACH = 7, 200
MAY_GROW = 1.20
WORDS = ("mwen bezwen manje nan Pòtsmouf", "I need a doctor in Roseau", "thanks", "1", "mesi anpil", "bonjou")
HOLD = timedelta(seconds=20)


def main(given: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    options.add_argument("--most", type=int, default=SIZES[-1], help="stored messages at the end")
    most = options.parse_args(given).most
    log.setup("bench", level="WARNING")
    use_keys(parse_keys(new_key_text()))
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder), durable=False) as url:
        engine = make_engine(url, pool_size=2)
        upgrade_at(engine)
        sessions = make_sessions(engine)
        with transaction(sessions) as session:
            load.seed(session, demo=True)
        costs = _costs(engine, sessions, [size for size in SIZES if size <= most])
        engine.dispose()
    grown = costs[max(costs)] / costs[min(costs)]
    print(json.dumps({"ms_per_message": costs, "largest_to_smallest": round(grown, 2)}))
    return 0 if grown <= MAY_GROW else 1


def _costs(engine: Engine, sessions: sessionmaker[Session], sizes: Sequence[int]) -> dict[int, float]:
    settings, stored, costs = load_settings({"KOUDMEN_REHEARSAL": "1"}), 0, {}
    drain = Drain(sessions, Away(), settings)
    drain.warm()
    _round(sessions, drain, 0)  # warm
    for number, size in enumerate(sizes, 1):
        crowd.more(engine, size - stored, number)
        stored = size
        times = [_round(sessions, drain, 10 * number + each) for each in range(ROUNDS)]
        costs[size] = round(statistics.median(times), 3)
        spread = f"{min(times):.2f} to {max(times):.2f}"
        print(f"{size:>10,} stored: {costs[size]:.2f} ms a message ({spread})", file=sys.stderr, flush=True)
    return costs


def _round(sessions: sessionmaker[Session], drain: Drain, number: int) -> float:
    """Milliseconds for each of a number of messages, from people who write for the first time, taken in one by one."""
    began = time.perf_counter()
    for n in range(EACH):
        with transaction(sessions) as session:
            message = simulator.parse_inbound("sms", f"+1767555{number:03}{n:04}", WORDS[n % len(WORDS)])
            inbox.receive(session, message)
        drain.once()
        with transaction(sessions) as session:
            for one in outbox.claim_due(session, "sim_sms", limit=50, hold=HOLD, rate=1e9):
                outbox.accepted(session, one.id, str(one.id), "sent")
    return (time.perf_counter() - began) * 1000 / EACH


if __name__ == "__main__":
    sys.exit(main())
