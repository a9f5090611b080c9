"""The engine process: what is due, the pages, and each minute the watch over all of it. Any number may run.

Pages leave in a thread of their own, so that a carrier that does not answer never keeps the clocks from being looked
at. Redis and Rasa are not needed. While many messages wait, another thread takes those that tell of harm before the
others: a page cannot be in time for a message that nobody has read."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

import urllib3
from sqlalchemy.exc import SQLAlchemyError

from base import log
from base.db import database_now, transaction
from base.heartbeat import beat
from base.settings import seconds
from bot.triage import Triage
from koudmen.pagers import open_pager
from koudmen.runtime import Runtime, make_runtime
from oncall import clocks, engine, watch
from oncall.paging import Paged

WATCH_S = 60.0
PAGES_S = 0.25
TRIAGE_S = 0.3
AGAIN_S = 1.0
BEAT_S = 10.0
logger = log.get(__name__)
_HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(total=5), retries=False)


def run() -> None:
    """Work until SIGTERM."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    runtime = make_runtime(pool_size=16, whole_tables=False)
    log.setup("engine", level=runtime.settings.log_level)
    Engine(runtime).run(stop)


class Engine:
    """One thread for each part, so that none waits for another."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.config = runtime, runtime.settings.config.oncall
        self.policy = clocks.policy_of(self.config)
        self.paged = Paged(runtime.sessions, open_pager(runtime.settings, runtime.sessions), self.config)
        self.triage = Triage(runtime.drain)
        self.hurry = threading.Event()  # pages have been written
        self.ticked = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        parts: list[tuple[str, float, Callable[[], object]]] = [
            ("page sender", 0, self.send),
            ("triage", TRIAGE_S, self.worst_first),
            ("watch", WATCH_S, self.look_after),
            ("beat", BEAT_S, self.beat),
        ]
        threads = [threading.Thread(target=_repeat, args=(stop, *part), name=part[0], daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        threading.Thread(target=self.runtime.drain.warm, name="warm", daemon=True).start()
        _repeat(stop, "clocks", seconds(self.config.every), self.tick)
        for thread in threads:
            thread.join(5)

    def tick(self) -> None:
        """What is due."""
        moved = engine.tick(self.runtime.sessions, self.policy)
        self.ticked = time.monotonic()
        if moved:
            self.hurry.set()

    def send(self) -> None:
        """Send until nothing is due; then wait until there may be something."""
        while self.paged.send_due(wait=False):
            pass
        self.hurry.wait(PAGES_S)
        self.hurry.clear()

    def worst_first(self) -> None:
        """People in danger do not wait behind a queue of ordinary messages."""
        if self.triage.once():
            self.runtime.bell.ring("protect")

    def beat(self) -> None:
        """A sign of life, only while the clocks themselves are being looked at."""
        if time.monotonic() - self.ticked < BEAT_S * 3:
            with transaction(self.runtime.sessions) as session:
                beat(session, "engine", "ok")

    def look_after(self) -> None:
        """The watch of each minute; the ping outside is called only while all is well."""
        with transaction(self.runtime.sessions) as session:
            faults = watch.minute(session, self.config, database_now(session))
        if faults:
            logger.error("the watch found faults", reason=" ".join(faults), count=len(faults))
        elif faults is not None and self.runtime.settings.ping_url:
            _ping(self.runtime.settings.ping_url)


def _repeat(stop: threading.Event, name: str, every: float, work: Callable[[], object]) -> None:
    """Do it again and again; a failure is told and changes nothing."""
    while not stop.is_set():
        pause = every
        try:
            work()
        except SQLAlchemyError as error:
            logger.warning("engine waits for the database", part=name, error_type=type(error).__name__)
            pause = max(every, AGAIN_S)
        except Exception as error:
            logger.error("engine failed", part=name, exc_info=error)
            pause = max(every, AGAIN_S)
        stop.wait(pause)


def _ping(url: str) -> None:
    try:
        _HTTP.request("GET", url)
    except urllib3.exceptions.HTTPError as error:
        logger.warning("ping not taken", error_type=type(error).__name__)
