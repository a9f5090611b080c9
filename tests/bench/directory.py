"""`python -m tests.bench.directory`: how long the bot's searches and an import take, and how that grows.

The last line is one JSON object. The exit code is 0 only when the slowest hundredth of the searches on the largest
island stays below the aim, and the import of each island, in its slower form, takes in at least as many services a
second as its aim. "own" is processor time, ours and that of our database connection: other programs change it little.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from base.clock import DOMINICA
from base.db import make_engine, make_sessions
from directory import indexing
from directory.exchange.forms import export as write
from directory.exchange.intake import take_in
from directory.needs import NEEDS
from directory.places import all_places, parishes
from directory.search import Query, answer
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres
from tests.bench.island import fill
from tests.bench.load import percentile
from tests.bench.usage import busy

SIZES = (1_000, 10_000, 100_000)
AIM_MS = 50.0
AIM_IMPORT_PER_S = 2_000
SEARCHES = 400
MORNING = datetime(2026, 11, 16, 8, tzinfo=DOMINICA)


@dataclass(frozen=True)
class Measured:
    """One size: seconds for each search (and of our own processor time), to read the index again after a change, and
    to take the whole directory in from CSV tables and from HSDS JSON."""

    services: int
    places: int
    searches: Sequence[float]
    processor: Sequence[float]
    index_s: float
    csv_s: float
    hsds_s: float
    csv_own_s: float
    hsds_own_s: float

    @property
    def import_per_s(self) -> float:
        """Services a second, by the slower form."""
        return self.services / max(self.csv_s, self.hsds_s)

    def ms(self, share: float) -> float:
        return percentile(sorted(self.searches), share) * 1000

    def processor_ms(self, share: float) -> float:
        """What other programs on the machine do not change much."""
        return percentile(sorted(self.processor), share) * 1000


def main() -> int:
    """Measure each size in a database of its own and print."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.directory", description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    sizes: list[int] = options.parse_args().sizes
    print(
        f"{'services':>10}{'places':>10}{'search p50':>12}{'p99':>9}{'max (ms)':>10}{'own p99':>9}{'index (s)':>11}"
        f"{'csv in/s':>10}{'hsds in/s':>11}{'csv own/s':>11}{'hsds own/s':>12}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="koudmen-bench-") as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user when we are root
        with embedded_postgres(Path(name) / "home", durable=False) as url:
            found = [_measured(url, size, Path(name)) for size in sizes]
    last = found[-1]
    figures = {f"search_p99_ms_{one.services}": round(one.ms(99), 1) for one in found}
    figures |= {f"import_per_s_{one.services}": round(one.import_per_s) for one in found}
    print(
        json.dumps(
            figures
            | {"own_p99_ms": round(last.processor_ms(99), 1), "index_s": round(last.index_s, 2), "aim_ms": AIM_MS}
        )
    )
    return 0 if last.ms(99) <= AIM_MS and min(one.import_per_s for one in found) >= AIM_IMPORT_PER_S else 1


def _measured(url: str, size: int, folder: Path) -> Measured:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE island_{size}")
    own = url.replace("/koudmen?", f"/island_{size}?")
    engine = make_engine(own)
    upgrade_at(engine)
    with psycopg.connect(own) as connection:
        held = fill(connection, size)
    sessions = make_sessions(engine)
    begun = time.perf_counter()
    with sessions() as session:
        indexing.current(session)
    index_s = time.perf_counter() - begun
    searches, processor = _searches(sessions)
    engine.dispose()
    found = Measured(size, held, searches, processor, index_s, *imported(url, own, folder / str(size)))
    print(
        f"{size:>10,}{held:>10,}{found.ms(50):>12.1f}{found.ms(99):>9.1f}{found.ms(100):>10.1f}"
        f"{found.processor_ms(99):>9.1f}{index_s:>11.2f}{size / found.csv_s:>10,.0f}{size / found.hsds_s:>11,.0f}"
        f"{size / found.csv_own_s:>11,.0f}{size / found.hsds_own_s:>12,.0f}",
        flush=True,
    )
    return found


def imported(url: str, own: str, folder: Path) -> tuple[float, float, float, float]:
    """Seconds to take what is in `own` into an empty database, from CSV tables and from HSDS JSON lines; then of
    processor time for both."""
    folder.mkdir()
    engine, seconds, used = make_engine(own), [], []
    forms = {"csv": folder / "tables", "hsds": folder / "services.ndjson"}
    with make_sessions(engine)() as session:
        for form, path in forms.items():
            write(session, path, form, confidential=True)
    engine.dispose()
    for form, path in forms.items():
        name = f"{form}_{folder.name}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        engine = make_engine(url.replace("/koudmen?", f"/{name}?"))
        upgrade_at(engine)
        begun = time.perf_counter()
        with make_sessions(engine)() as session, session.begin():
            backend = session.scalar(text("SELECT pg_backend_pid()")) or 0
            before = time.process_time() + busy(backend)
            report = take_in(session, path, form=form, dry_run=False, trust=True, confidential=True)
            used.append(time.process_time() + busy(backend) - before)
        seconds.append(time.perf_counter() - begun)
        engine.dispose()
        if report.faults or report.added < int(folder.name):
            raise SystemExit(f"the import of {form} failed: {report.lines()[:3]}")
    return seconds[0], seconds[1], used[0], used[1]


def _searches(sessions: sessionmaker[Session]) -> tuple[list[float], list[float]]:
    """The bot's queries, each in a transaction of its own as in a turn."""
    seconds, processor = [], []
    for query in queries(SEARCHES):
        begun, used = time.perf_counter(), time.process_time()
        with sessions() as session, session.begin():
            found = answer(session, query).found
        seconds.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
        if not found:
            raise SystemExit(f"a search found nothing: {query}")
    return seconds, processor


def queries(count: int) -> list[Query]:
    """What people ask: a need alone, in a parish, in a village, from where they stand; language, hour, who they are."""
    chance = random.Random(20261123)
    villages = [place for place in all_places() if place.latitude]
    made = []
    for _ in range(count):
        place = chance.choice(villages)
        where: dict[str, object] = chance.choice(
            [{}, {"parish": chance.choice(parishes()).name}, {"parish": place.parish, "place": place.name},
             {"latitude": place.latitude, "longitude": place.longitude}]
        )  # fmt: skip
        made.append(
            Query(
                (chance.choice(NEEDS),), language=chance.choice(["en", "ht", "acf"]), no_papers=chance.random() < 0.2,
                at=MORNING + timedelta(minutes=chance.randrange(60 * 24 * 300)),
                audience=frozenset(chance.choice([[], [], ["children"], ["women"]])), **where,  # type: ignore[arg-type]
            )
        )  # fmt: skip
    return made


if __name__ == "__main__":
    sys.exit(main())
