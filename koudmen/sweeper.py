"""Picks up what a crash left behind, and does the work itself when nobody answers the bell."""

import signal
import threading
import time
from types import FrameType

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from base import log
from base.db import transaction
from base.heartbeat import beat
from base.settings import seconds
from koudmen import chores
from koudmen.runtime import Runtime, make_runtime
from messaging import outbox
from messaging.intake import flush

logger = log.get(__name__)
_WAITING = text(
    "SELECT count(*) AS some, count(*) FILTER (WHERE received_at < now() - cast(:stale AS interval)) AS stale, "
    "min(id) AS oldest "
    "FROM inbound_message WHERE handled_at IS NULL AND received_at < now() - interval '1 s'"
)
_OVERDUE = text(
    "SELECT EXISTS (SELECT 1 FROM outbound_message WHERE state = 'queued' "
    "AND due_at < now() - cast(:stale AS interval))"
)
SEND_S = 10.0
_DUE = text("SELECT EXISTS (SELECT 1 FROM outbound_message WHERE state IN ('queued', 'unknown') AND due_at <= now())")


def run() -> None:
    """Sweep until SIGTERM."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    runtime = make_runtime()
    log.setup("sweeper", level=runtime.settings.log_level)
    beside = threading.Thread(target=chores.run, args=(chores.chores(runtime), stop), daemon=True, name="chores")
    beside.start()
    every = seconds(runtime.settings.config.sweeper.every)
    oldest: int | None = None
    while not stop.wait(every):
        try:
            oldest = sweep(runtime, oldest)
        except SQLAlchemyError as error:
            logger.warning("sweep failed", error_type=type(error).__name__)


def sweep(runtime: Runtime, before: int | None = None) -> int | None:
    """One round: the spool, expired claims, unknown outcomes, messages and replies that nobody works on.

    A lost bell is rung again; where nobody can hear it (Redis is away), or nobody answers it, the work is done here.
    Returns the oldest message that waits; given back as `before`, it shows whether the workers get on: a long queue
    that moves is left to them.
    """
    if not runtime.spool.empty():
        rules = runtime.settings.config.outbox
        flush(runtime.engine, runtime.spool, rules, lambda: runtime.bell.ring("turn"))  # its web process may be gone
    with transaction(runtime.sessions) as session:
        expired = outbox.expire_claims(session)
        outbox.give_up(session, runtime.settings.config.outbox.give_up)
        waiting = session.execute(_WAITING, {"stale": runtime.settings.config.sweeper.stale}).one()
        due = session.scalar(_DUE)
        overdue = session.scalar(_OVERDUE, {"stale": runtime.settings.config.sweeper.stale})
        beat(session, "sweeper", "ok")
    stuck = bool(waiting.stale) and waiting.oldest == before
    if expired or stuck:
        logger.warning("left behind", reason="expired claims or stale messages", count=expired + waiting.stale)
    if waiting.some and not runtime.bell.ring("turn"):
        runtime.drain.run(seconds=20)
    elif stuck:
        runtime.drain.run(seconds=2)  # a worker may hang
    if due:
        runtime.sender.look_up()
    if (due and not runtime.bell.ring("send")) or overdue or stuck:
        _send(runtime)
    return waiting.oldest if waiting.some else None


def _send(runtime: Runtime) -> None:
    until = time.monotonic() + SEND_S
    while runtime.sender.send_due() and time.monotonic() < until:
        pass
