"""Open queues at once: each is told of changes and fetches its rows again, as the page's script does, while ordinary
messages and new cases come in and somebody else loads the whole page."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import urllib3
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from messaging import inbox
from messaging.inbound import Inbound
from oncall import cases
from oncall.cases import Disclosure

MESSAGES_PER_S = 20
CASE_EVERY_S = 2.5  # further apart than the watcher's look, so that each event belongs to one case
APART_S = 2.0  # as in queue.js


@dataclass
class Told:
    """Seconds: from a case's commit to each stream's event, of the pages, and of the rows; sorted at the end."""

    streams: int
    seconds: float = 0
    messages: int = 0
    cases: int = 0
    missed: int = 0
    delays: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)


class Queue:
    """One open page: reads its stream in a thread, and fetches its rows in another when it was told."""

    def __init__(self, base: str, token: str, told: Told, over: threading.Event) -> None:
        self.base, self.told, self.over = base, told, over
        self.headers = {"Cookie": f"koudmen-staff={token}"}
        self.pool = urllib3.PoolManager(retries=False, maxsize=2)
        self.events: list[float] = []
        self.spread_s = 0.0
        self.news = threading.Event()
        self.stream = self.pool.request("GET", f"{base}/live", headers=self.headers, preload_content=False)
        if self.stream.status != 200:
            raise SystemExit(f"/live answered {self.stream.status}")
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self._listen, self._fetch)]
        for thread in self.threads:
            thread.start()

    def _listen(self) -> None:
        for part in self.stream.stream(1024):
            if b"event: queue" in part:
                self.events.append(time.monotonic())
                self.spread_s = int(part.rpartition(b"data: ")[2]) / 1000
                self.news.set()
            if self.over.is_set():
                return

    def _fetch(self) -> None:
        while not self.over.is_set():
            if not self.news.wait(0.5):
                continue
            self.over.wait(random.random() * self.spread_s)
            self.news.clear()
            begun = time.perf_counter()
            got = self.pool.request("GET", f"{self.base}/queue/rows", headers=self.headers)
            if got.status == 200:
                self.told.rows.append(time.perf_counter() - begun)
            self.over.wait(APART_S)

    def arrived(self, since: float, until: float) -> float | None:
        """When the first event after a moment came, if it came before another."""
        return next((at for at in self.events if since <= at < until), None)


def measure(base: str, sessions: sessionmaker[Session], tokens: Sequence[str], *, seconds: float) -> Told:
    """As many queues as tokens."""
    over, told = threading.Event(), Told(len(tokens))
    queues = [Queue(base, token, told, over) for token in tokens]
    _until(lambda: all(queue.events for queue in queues[:1]))
    over.wait(APART_S)
    writer = threading.Thread(target=_ordinary, args=(sessions, told, over))
    begun = time.monotonic()
    commits: list[float] = []
    with _loader(base, tokens[0], told, seconds):
        writer.start()
        while time.monotonic() < begun + seconds:
            commits.append(_disclose(sessions, len(commits)))
            over.wait(CASE_EVERY_S + random.random() / 2)
    told.seconds, told.cases = time.monotonic() - begun, len(commits)
    over.set()
    writer.join()
    _judge(told, queues, commits)
    return told


def _judge(told: Told, queues: Sequence[Queue], commits: Sequence[float]) -> None:
    for commit, following in zip(commits, [*commits[1:], time.monotonic()], strict=True):
        for queue in queues:
            at = queue.arrived(commit, following)
            if at is None:
                told.missed += 1
            else:
                told.delays.append(at - commit)
    told.delays.sort()


def _disclose(sessions: sessionmaker[Session], number: int) -> float:
    """A new critical case; returns when it was committed."""
    with transaction(sessions) as session:
        got = inbox.receive(session, Inbound("bench", f"case{number}", "sms", f"told {number}", "x"))
        if got.message_id is None:
            raise SystemExit("a message was there already")
        disclosure = Disclosure("domestic_violence", "critical", ("x",))
        cases.disclose(session, got.conversation_id, got.message_id, disclosure, language="ht")
    return time.monotonic()


def _ordinary(sessions: sessionmaker[Session], told: Told, over: threading.Event) -> None:
    while not over.wait(1 / MESSAGES_PER_S):
        told.messages += 1
        with transaction(sessions) as session:
            number = told.messages
            inbox.receive(
                session, Inbound("bench", f"said{number}", "sms", f"says {number % 500}", "mwen bezwen manje")
            )


@contextmanager
def _loader(base: str, token: str, told: Told, seconds: float) -> Iterator[None]:
    """Somebody loads the whole page again and again, in a process of their own: the fifty readers' work in this one
    is not the server's time."""
    argv = [sys.executable, "-m", "tests.bench.live", base, token, str(seconds)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        yield
        out, _ = process.communicate()
    told.pages = json.loads(out)


def load(base: str, token: str, seconds: float) -> list[float]:
    """Seconds of each load of the queue page, five a second at most."""
    pool, waits, end = urllib3.PoolManager(retries=False), [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        answer = pool.request("GET", f"{base}/queue", headers={"Cookie": f"koudmen-staff={token}"})
        if answer.status != 200:
            raise SystemExit(f"/queue answered {answer.status}")
        waits.append(time.perf_counter() - begun)
        threading.Event().wait(0.2)
    return waits


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        if time.monotonic() > end:
            raise SystemExit("no stream was told anything")
        threading.Event().wait(0.05)


if __name__ == "__main__":
    print(json.dumps(load(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
