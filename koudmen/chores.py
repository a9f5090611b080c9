"""What the sweeper does beside sweeping, from time to time and in a thread of its own, so that a slow carrier or a long
purge delays nobody: reconcile, send a synthetic message, purge. Each may run in several sweepers at once."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from base import log
from base.db import database_now, transaction
from base.heartbeat import beat
from base.settings import seconds
from bot import read_again
from dashboard.reports import kept
from koudmen import partitions, purge, synthetic
from koudmen.runtime import Runtime
from messaging.reconcile import reconcile
from messaging.twilio import TwilioChannel

LOOK_S = 5.0
BEAT_S = 15.0
MONTHS_S = 3600.0
AGAIN_S = 60.0
UNDER_WAY = timedelta(minutes=3)  # Twilio waits 15 s for a webhook and as long again for the fallback
OVERLAP = timedelta(minutes=15)  # compared once more by the next look
logger = log.get(__name__)


@dataclass
class Chore:
    """`run` is called every `every_s` seconds; its faults are logged, and it is tried again after AGAIN_S, or then."""

    name: str
    every_s: float
    run: Callable[[], object]
    due: float = 0.0


def chores(runtime: Runtime) -> list[Chore]:
    """What this service has to do. A chore whose time is zero is switched off."""
    rules, words = runtime.settings.config.sweeper, runtime.settings.config.understanding
    found = [
        Chore("months", MONTHS_S, lambda: make_months(runtime)),
        Chore("read again", LOOK_S, read_again.Reader(runtime.sessions, runtime.nlu, words).look),
        Chore("report", seconds(rules.purge), lambda: _report(runtime)),
        Chore("purge", seconds(rules.purge), lambda: purge.purge(runtime.sessions, runtime.settings.config.retention)),
    ]
    if rules.synthetic:
        found.append(Chore("synthetic", BEAT_S, lambda: synthetic.watch(runtime)))
    if runtime.settings.twilio and rules.reconcile:
        found.append(Chore("reconcile", seconds(rules.reconcile), Reconciler(runtime).look))
    return [chore for chore in found if chore.every_s]


def _report(runtime: Runtime) -> None:
    """The newest month's report, before anything of it is purged."""
    with transaction(runtime.sessions) as session:
        late = kept.count(session, database_now(session), runtime.settings.config.retention.log)
    for when in late:
        logger.warning("a month was not counted in time", reason=when.code)


def make_months(runtime: Runtime) -> int:
    """The tables of this month and the next two. Returns how many were made."""
    with transaction(runtime.sessions) as session:
        at = database_now(session)
    return partitions.ensure(runtime.sessions, at)


class Reconciler:
    """Remembers how far the carrier's list has been compared, so that a busy day is not listed whole each time."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.whole_at: datetime | None = None  # when the whole of `look_back` was last compared
        self.until: datetime | None = None

    def look(self) -> int:
        """Compare what is not compared yet, with OVERLAP before it; from time to time the whole of `look_back`, for the
        carrier may list a message late. Returns how many messages had never arrived."""
        with transaction(self.runtime.sessions) as session:
            at = database_now(session)
        back = self.runtime.settings.config.sweeper.look_back
        whole = self.until is None or self.whole_at is None or at - self.whole_at >= back / 4
        since = at - back if whole or self.until is None else max(at - back, self.until - OVERLAP)
        taken = reconcile_now(self.runtime, since, at - UNDER_WAY)
        self.until, self.whole_at = at - UNDER_WAY, at if whole else self.whole_at
        return taken


def reconcile_now(runtime: Runtime, since: datetime, until: datetime) -> int:
    """One look at the carrier's list. Returns how many messages had never arrived."""
    settings = runtime.settings
    if settings.twilio is None:
        return 0
    carrier = TwilioChannel(settings.twilio, settings.public_base_url)
    taken = reconcile(runtime.engine, carrier, since, until)
    with transaction(runtime.sessions) as session:
        beat(session, "reconciler", f"ok, {taken} had never arrived" if taken else "ok")
    if taken:
        runtime.bell.ring("turn")
    return taken


def run(some: Sequence[Chore], stop: threading.Event) -> None:
    """Do them until `stop`."""
    while not stop.wait(LOOK_S):
        once(some, time.monotonic())


def once(some: Sequence[Chore], at: float) -> None:
    """Do those that are due at `at` (monotonic seconds)."""
    for chore in some:
        if at >= chore.due:
            chore.due = at + chore.every_s
            try:
                chore.run()
            except Exception as error:  # noqa: BLE001 - whatever it is, the other chores go on
                chore.due = at + min(chore.every_s, AGAIN_S)
                logger.warning("chore failed", job=chore.name, error_type=type(error).__name__)
