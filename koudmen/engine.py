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
    runtime = make_runtime(pool_size=16)
    log.setup("engine", level=runtime.settings.log_level)
    config = runtime.settings.config.oncall
    policy = clocks.policy_of(config)
    paged = Paged(runtime.sessions, open_pager(runtime.settings, runtime.sessions), config)
    triage = Triage(runtime.drain)
    loops = [
        ("page sender", PAGES_S, lambda: send(paged)),
        ("watch", WATCH_S, lambda: look_after(runtime)),
        ("triage", TRIAGE_S, lambda: _worst_first(runtime, triage)),
        ("beat", BEAT_S, lambda: _beat(runtime)),
    ]
    threads = [threading.Thread(target=_repeat, args=(stop, *loop), name=loop[0], daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    _repeat(stop, "engine", seconds(config.every), lambda: _tick(runtime, policy))
    for thread in threads:
        thread.join(5)


def _repeat(stop: threading.Event, name: str, every: float, work: Callable[[], object]) -> None:
    """Do it again and again; a failure is told and changes nothing."""
    while not stop.is_set():
        try:
            work()
        except SQLAlchemyError as error:
            logger.warning("engine waits for the database", part=name, error_type=type(error).__name__)
        except Exception as error:
            logger.error("engine failed", part=name, exc_info=error)
        stop.wait(every)


def _worst_first(runtime: Runtime, triage: Triage) -> None:
    """People in danger do not wait behind a queue of ordinary messages."""
    if triage.once():
        runtime.bell.ring("protect")


_last = {"tick": 0.0}


def _tick(runtime: Runtime, policy: clocks.Policy) -> None:
    engine.tick(runtime.sessions, policy)
    _last["tick"] = time.monotonic()


def send(paged: Paged) -> None:
    """Send until nothing is due."""
    while paged.send_due():
        pass


def _beat(runtime: Runtime) -> None:
    """A sign of life, only while the clocks themselves are being looked at."""
    if time.monotonic() - _last["tick"] < BEAT_S * 3:
        with transaction(runtime.sessions) as session:
            beat(session, "engine", "ok")


def look_after(runtime: Runtime) -> None:
    """The watch of each minute; the ping outside is called only while all is well."""
    settings = runtime.settings
    with transaction(runtime.sessions) as session:
        faults = watch.minute(session, settings.config.oncall, database_now(session))
    if faults:
        logger.error("the watch found faults", reason=" ".join(faults), count=len(faults))
    elif faults is not None and settings.ping_url:
        _ping(settings.ping_url)


def _ping(url: str) -> None:
    try:
        _HTTP.request("GET", url)
    except urllib3.exceptions.HTTPError as error:
        logger.warning("ping not taken", error_type=type(error).__name__)
