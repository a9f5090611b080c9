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
from koudmen.runtime import Runtime, make_runtime
from messaging import outbox

logger = log.get(__name__)
_WAITING = text(
    "SELECT count(*) AS some, count(*) FILTER (WHERE received_at < now() - cast(:stale AS interval)) AS stale "
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
    every = seconds(runtime.settings.config.sweeper.every)
    while not stop.wait(every):
        try:
            sweep(runtime)
        except SQLAlchemyError as error:
            logger.warning("sweep failed", error_type=type(error).__name__)


def sweep(runtime: Runtime) -> None:
    """One round: expired claims, unknown outcomes, messages and replies that nobody works on.

    A lost bell is rung again; where nobody can hear it (Redis is away), or nobody answers it, the work is done here.
    """
    with transaction(runtime.sessions) as session:
        expired = outbox.expire_claims(session)
        waiting = session.execute(_WAITING, {"stale": runtime.settings.config.sweeper.stale}).one()
        due = session.scalar(_DUE)
        overdue = session.scalar(_OVERDUE, {"stale": runtime.settings.config.sweeper.stale})
        beat(session, "sweeper", "ok")
    if expired or waiting.stale:
        logger.warning("left behind", reason="expired claims or stale messages", count=expired + waiting.stale)
    if waiting.some and not runtime.bell.ring("turn"):
        runtime.drain.run(seconds=20)
    elif waiting.stale:
        runtime.drain.run(seconds=2)  # a worker may hang
    if due:
        runtime.sender.look_up()
    if (due and not runtime.bell.ring("send")) or overdue or waiting.stale:
        _send(runtime)


def _send(runtime: Runtime) -> None:
    until = time.monotonic() + SEND_S
    while runtime.sender.send_due() and time.monotonic() < until:
        pass
