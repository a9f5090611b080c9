"""`python -m tests.bench.texters`: the traffic of ten million people against the tables of the queues.

People with a conversation and a message each are written by SQL. Then several connections
do what the service's processes do, with its own functions and no reading or sending in between: take messages in (nine
in ten from people who are known), claim conversations, answer, claim what is due, note it as sent, note two delivery
reports. Told for each size: messages a second, and the database's processor time a message, by turns with a small
database on the same server, as in tests.bench.growth. The last line is one JSON object.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
from sqlalchemy import Engine, text

from base import log
from base.crypto import KeyRing, new_key_text, parse_keys
from base.db import keys, make_engine, make_sessions, transaction, use_keys
from base.settings import load_settings
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres
from koudmen.postgres import postgres_url
from messaging import inbox, months, outbox, reports, simulator
from messaging.outbox import Lane
from tests.bench import crowd, usage

SIZES = (10_000, 1_000_000, 10_000_000)
HOLD = timedelta(seconds=20)
TOGETHER, EACH, CONNECTIONS, ROUNDS = 16, 600, 4, 15
_FILL = """
INSERT INTO contact (id) SELECT md5('c' || n)::uuid FROM generate_series(CAST(:first AS bigint), :last) n;
INSERT INTO address (id, contact_id, channel, lookup, value)
  SELECT md5('a' || n)::uuid, md5('c' || n)::uuid, 'sim_sms', sha256(('+1767' || lpad(n::text, 8, '0'))::bytea), :number
  FROM generate_series(CAST(:first AS bigint), :last) n;
INSERT INTO conversation (id, address_id, language, last_inbound_at)
  SELECT md5('v' || n)::uuid, md5('a' || n)::uuid, 'ht', now() - interval '40 d'
  FROM generate_series(CAST(:first AS bigint), :last) n;
INSERT INTO inbound_message (id, provider, external_id, conversation_id, kind, body, received_at, handled_at, outcome)
  SELECT (:month + n % 12) * CAST(:step AS bigint) + n, 'bench', n::text, md5('v' || n)::uuid, 'text', :words,
         now() - interval '40 d', now() - interval '40 d', 'answered'
  FROM generate_series(CAST(:first AS bigint), :last) n
"""
_OURS = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()")


class _Open(KeyRing):
    """Keys whose look-up SQL can make as well: of ten million people each may write again."""

    def __init__(self, other: KeyRing) -> None:
        vars(self).update(vars(other))

    def lookup(self, *parts: str) -> bytes:
        return hashlib.sha256(parts[-1].encode()).digest()


class Round(NamedTuple):
    per_s: float
    database_ms: float


class _World:
    """A database and how many people it knows."""

    def __init__(self, url: str, people: int) -> None:
        self.engine: Engine = make_engine(url, pool_size=CONNECTIONS + 1, whole_tables=False)
        upgrade_at(self.engine)
        crowd.months_made(self.engine)
        self.sessions = make_sessions(self.engine)
        self.people = 0
        self.rules = load_settings({"KOUDMEN_REHEARSAL": "1"}).config.outbox
        self.dice = random.Random(1)
        self.grow(people)

    def grow(self, people: int) -> None:
        """Until so many are known, with a message each."""
        told = {"first": self.people + 1, "last": people, "step": months.STEP,
                "month": months.month_of(datetime.now(UTC)),
                "number": keys().encrypt(b"+17675550100", "address.value"),
                "words": keys().encrypt(b"mwen bezwen manje", "inbound_message.body")}  # fmt: skip
        if people > self.people:
            with self.engine.begin() as connection:
                for statement in _FILL.split(";\n"):
                    connection.execute(text(statement), told)
        self.people = people
        self.settle()

    def settle(self) -> None:
        """What autovacuum would do in a quiet hour: both databases begin a size alike."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))

    def round(self) -> Round:
        """Several connections, each its share of the messages."""
        before, began = self._seconds(), time.perf_counter()
        threads = [threading.Thread(target=self._work) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        count = CONNECTIONS * EACH
        passed = time.perf_counter() - began
        return Round(count / passed, (self._seconds() - before) * 1000 / count)

    def _seconds(self) -> float:
        with self.sessions() as session:
            return sum(usage.seconds_of(pid) for pid in session.scalars(_OURS).all())

    def _work(self) -> None:
        for _ in range(EACH // TOGETHER):
            self._take_in()
            self._answer()
            self._send()

    def _take_in(self) -> None:
        most = self.people * 10 // 9  # one in ten is new
        numbers = [self.dice.randint(1, most) for _ in range(TOGETHER)]
        people = {
            f"+176{7 if number <= self.people else 8}{number:08}" for number in numbers
        }  # those who are new apart
        arrivals = [inbox.Arrival(simulator.parse_inbound("sms", who, "hello")) for who in people]
        with transaction(self.sessions) as session:
            inbox.receive_many(session, arrivals)

    def _answer(self) -> None:
        with transaction(self.sessions) as session:
            ids = inbox.claim_waiting(session, limit=TOGETHER * 2, hold=HOLD)
            waiting = session.execute(inbox.waiting(ids)).all() if ids else []
        with transaction(self.sessions) as session:
            first = {message.conversation_id: message for message in reversed(waiting)}
            at, rows = datetime.now(UTC), list[outbox.Row]()
            for talk, message in first.items():
                rows += outbox.rows(talk, "sim_sms", ["hello"], lane=Lane.REPLY, inbound_id=message.id)
            done = [
                inbox.Handled(message.id, talk, at, "answered", {}, {}, "ht", {}, at, release=True)
                for talk, message in first.items()
            ]
            inbox.handled(session, done)
            outbox.write(session, rows)

    def _send(self) -> None:
        with transaction(self.sessions) as session:
            claimed = outbox.claim_due(session, "sim_sms", limit=TOGETHER * 2, hold=HOLD, rate=1e9)
        took = [(one.id, f"SM{one.id.hex}", "queued") for one in claimed]
        if took:
            with transaction(self.sessions) as session:
                outbox.accepted_many(session, took)
        for status in ("sent", "delivered"):
            with transaction(self.sessions) as session:
                reports.note(session, [reports.Report(id_, status, sid, 0) for id_, sid, _ in took], self.rules)


def main(given: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench.texters", description=__doc__)
    options.add_argument("--most", type=int, default=SIZES[-1], help="people at the end")
    most = options.parse_args(given).most
    log.setup("bench", level="ERROR")
    ring = _Open(parse_keys(new_key_text()))
    use_keys(ring)
    figures: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder), durable=False) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE beside")
        beside = _World(postgres_url(Path(folder).resolve(), "beside"), SIZES[0])
        growing = _World(url, SIZES[0])
        for size in (size for size in SIZES if size <= most):
            growing.grow(size)
            beside.settle()
            growing.round(), beside.round()
            pairs = [(growing.round(), beside.round()) for _ in range(ROUNDS)]
            figures[size] = _figures(pairs)
            print(f"{size:>11,} people: {figures[size]}", file=sys.stderr, flush=True)
        growing.engine.dispose()
        beside.engine.dispose()
    print(json.dumps({"processors": os.cpu_count(), "by_people": figures}))
    return 0


def _figures(pairs: Sequence[tuple[Round, Round]]) -> dict[str, float]:
    ratios = sorted(one.database_ms / other.database_ms for one, other in pairs)
    middle = sorted(one for one, _ in pairs)[len(pairs) // 2]
    cost = sorted(one.database_ms for one, _ in pairs)[len(pairs) // 2]
    return {
        "messages_per_s": round(middle.per_s, 1),
        "database_ms": round(cost, 3),
        "to_10000_people": round(ratios[len(ratios) // 2], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
