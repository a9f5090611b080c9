"""`python -m tests.bench.growth`: what a message costs while the tables grow from 1,000 to 10,000,000 stored messages.

A message is taken in, read by phrases and keywords (Rasa's time does not depend on the database), answered, and its
reply claimed and noted as sent: the product's own functions, a real PostgreSQL, one process, one after the other.
Stored messages are written by SQL, half in and half out. Told is processor time: this process's and its sessions' at
the database. What else the machine does changes even that by a third, so each round is made by turns with one in a
database beside, on the same server, that stays at 1,000 stored messages; what is judged is the ratio of the two, the
middle of all rounds. The last line is one JSON object; the exit code is 0 when no size costs more than a fifth more.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
from sqlalchemy import text
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
from koudmen.postgres import postgres_url
from messaging import inbox, outbox, simulator
from tests.bench import crowd, usage

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
ROUNDS, EACH = 9, 200
MAY_GROW = 1.20
WORDS = ("mwen bezwen manje nan Pòtsmouf", "I need a doctor in Roseau", "thanks", "1", "mesi anpil", "bonjou")
HOLD = timedelta(seconds=20)
_OURS = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()")


def main(given: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    options.add_argument("--most", type=int, default=SIZES[-1], help="stored messages at the end")
    most = options.parse_args(given).most
    log.setup("bench", level="WARNING")
    use_keys(parse_keys(new_key_text()))
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder), durable=False) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE beside")
        growing, beside = _Island(url), _Island(postgres_url(Path(folder).resolve(), "beside"))
        crowd.more(beside.engine, SIZES[0], 0)
        costs = _costs(growing, beside, [size for size in SIZES if size <= most])
        growing.engine.dispose()
        beside.engine.dispose()
    ratios = {size: cost.ratio for size, cost in costs.items()}
    told = {size: cost.cpu for size, cost in costs.items()}
    database = {size: cost.database for size, cost in costs.items()}
    print(json.dumps({"to_1000_stored": ratios, "cpu_ms_per_message": told, "of_it_database": database}))
    return 0 if max(ratios.values()) <= MAY_GROW else 1


class Round(NamedTuple):
    """Milliseconds for a message: processor time in all, the database's part of it, and time that passed."""

    cpu: float
    database: float
    passed: float


class Cost(NamedTuple):
    """The middle of several rounds, and their ratio to those beside."""

    ratio: float
    cpu: float
    database: float


class _Island:
    """A database with the directory in it, and what answers from it."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url, pool_size=2)
        upgrade_at(self.engine)
        self.sessions = make_sessions(self.engine)
        crowd.months_made(self.engine)
        with transaction(self.sessions) as session:
            load.seed(session, demo=True)
        self.drain = Drain(self.sessions, Away(), load_settings({"KOUDMEN_REHEARSAL": "1"}))
        self.drain.warm()
        self.numbers = itertools.count()
        self.round()  # warm

    def round(self) -> Round:
        """For each of a number of messages, from people who write for the first time, taken in one by one."""
        began, own, database = time.perf_counter(), time.process_time(), _database_seconds(self.sessions)
        for n in range(EACH):
            with transaction(self.sessions) as session:
                number = f"+1767{next(self.numbers):07}"
                inbox.receive(session, simulator.parse_inbound("sms", number, WORDS[n % len(WORDS)]))
            self.drain.once()
            with transaction(self.sessions) as session:
                for one in outbox.claim_due(session, "sim_sms", limit=50, hold=HOLD, rate=1e9):
                    outbox.accepted(session, one.id, str(one.id), "sent")
        own, database = time.process_time() - own, _database_seconds(self.sessions) - database
        each = 1000 / EACH
        return Round((own + database) * each, database * each, (time.perf_counter() - began) * each)


def _costs(growing: _Island, beside: _Island, sizes: Sequence[int]) -> dict[int, Cost]:
    stored, costs = 0, {}
    for number, size in enumerate(sizes, 1):
        began = time.perf_counter()
        crowd.more(growing.engine, size - stored, number, stored)
        stored, filled = size, time.perf_counter() - began
        growing.round()  # the first after so much was written reads the disk
        pairs = [(growing.round(), beside.round()) for _ in range(ROUNDS)]
        costs[size] = _cost(pairs)
        told, ratios = costs[size], [one.cpu / other.cpu for one, other in pairs]
        line = f"{size:>10,} stored (written in {filled:.0f} s): {told.cpu:.2f} ms of processors a message, "
        line += f"the database's {told.database:.2f}; "
        line += f"{told.ratio:.2f} times that at 1,000 ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line, file=sys.stderr, flush=True)
    return costs


def _cost(pairs: Sequence[tuple[Round, Round]]) -> Cost:
    ratio = statistics.median(one.cpu / other.cpu for one, other in pairs)
    middle = [statistics.median(kind) for kind in zip(*(one for one, _ in pairs), strict=True)]
    return Cost(round(ratio, 3), round(middle[0], 3), round(middle[1], 3))


def _database_seconds(sessions: sessionmaker[Session]) -> float:
    """What the processors have worked for our sessions so far; the pool keeps them open."""
    with sessions() as session:
        pids = session.scalars(_OURS).all()
    return sum(usage.seconds_of(pid) for pid in pids)


if __name__ == "__main__":
    sys.exit(main())
