"""What the sweeper does beside sweeping, from time to time and in a thread of its own, so that a slow carrier or a long
purge delays nobody: reconcile, send a synthetic message, purge. Each may run in several sweepers at once."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from base import log
from base.db import database_now, transaction
from base.errors import KoudmenError
from base.heartbeat import beat
from base.settings import seconds
from koudmen import purge, synthetic
from koudmen.runtime import Runtime
from messaging.reconcile import reconcile
from messaging.twilio import TwilioChannel

LOOK_S = 5.0
BEAT_S = 15.0
UNDER_WAY = timedelta(minutes=3)  # Twilio waits 15 s for a webhook and as long again for the fallback
logger = log.get(__name__)


@dataclass
class Chore:
    """`run` is called every `every_s` seconds; its faults are logged and it is tried again then."""

    name: str
    every_s: float
    run: Callable[[], object]
    due: float = 0.0


def chores(runtime: Runtime) -> list[Chore]:
    """What this service has to do. A chore whose time is zero is switched off."""
    rules = runtime.settings.config.sweeper
    found = [
        Chore("purge", seconds(rules.purge), lambda: purge.purge(runtime.sessions, runtime.settings.config.retention)),
    ]
    if rules.synthetic:
        found.append(Chore("synthetic", BEAT_S, lambda: synthetic.watch(runtime)))
    if runtime.settings.twilio and rules.reconcile:
        found.append(Chore("reconcile", seconds(rules.reconcile), lambda: reconcile_now(runtime)))
    return [chore for chore in found if chore.every_s]


def reconcile_now(runtime: Runtime) -> int:
    """One look at the carrier's list. Returns how many messages had never arrived."""
    settings = runtime.settings
    if settings.twilio is None:
        return 0
    carrier = TwilioChannel(settings.twilio, settings.public_base_url)
    with transaction(runtime.sessions) as session:
        at = database_now(session)
    taken = reconcile(runtime.engine, carrier, at - settings.config.sweeper.look_back, at - UNDER_WAY)
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
            except (SQLAlchemyError, KoudmenError, OSError) as error:
                logger.warning("chore failed", job=chore.name, error_type=type(error).__name__)
