"""Picks up what a crash left behind, and does the work itself when nobody answers the bell."""

import signal
import threading
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
_STALE = text("SELECT count(*) FROM inbound_message WHERE handled_at IS NULL AND received_at < now() - :stale")
_DUE = text(
    "SELECT count(*) FROM outbound_message WHERE (state = 'queued' AND due_at <= now()) "
    "OR (state = 'unknown' AND due_at <= now())"
)


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
    """One round: expired claims, unknown outcomes, messages and replies that nobody works on."""
    with transaction(runtime.sessions) as session:
        expired = outbox.expire_claims(session)
        stale = session.scalar(_STALE, {"stale": runtime.settings.config.sweeper.stale}) or 0
        due = session.scalar(_DUE) or 0
        beat(session, "sweeper", "ok")
    if expired or stale:
        logger.warning("left behind", reason="expired claims and stale messages", count=expired + stale)
    if stale and not runtime.bell.ring("turn"):
        runtime.drain.run(seconds=20)
    if stale:
        runtime.drain.run(seconds=2)  # a rung bell may be heard by a worker that hangs
    if due:
        runtime.sender.look_up()
        if not runtime.bell.ring("send") or stale:
            runtime.sender.send_due()
