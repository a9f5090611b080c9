"""The jobs that RQ wakes. They carry no arguments: what is to be done stands in the database."""

import time
from collections.abc import Sequence
from functools import cache

from base import log
from koudmen.runtime import Runtime, make_runtime
from messaging.outbox import Lane

TURN_S = 20.0
TOGETHER_S = 0.015  # after a small round, so that what comes at such a rate leaves together
logger = log.get(__name__)


@cache
def runtime() -> Runtime:
    """This process's runtime, made with the first job."""
    return make_runtime()


def by_hand(kinds: Sequence[str]) -> None:
    """Do once what a bell would have asked for: without Redis nobody rings. A fault is for the next look."""
    for kind in kinds:
        try:
            {"turn": turn, "send": send, "protect": protect}[kind]()
        except Exception as error:
            logger.error("job failed", job=kind, exc_info=error)


def turn() -> None:
    """Work off the inbox, ringing for the sender after each batch so that replies leave at once."""
    run = runtime()
    run.bell.heard("turn")
    for _ in range(200):
        done = run.drain.once()
        if done is None:
            return
        if run.drain.protecting:
            run.bell.ring("protect")
        if done:
            run.bell.ring("send")
    run.bell.ring("turn")  # more than one job's worth: let another worker take a share


def send() -> None:
    """Empty the outbox."""
    run = runtime()
    run.bell.heard("send")
    while sent := run.sender.send_due():
        if sent < run.sender.batch // 2:
            time.sleep(TOGETHER_S)


def protect() -> None:
    """Empty the protection lane of the outbox, in a worker of its own."""
    run = runtime()
    run.bell.heard("protect")
    while run.sender.send_due([Lane.PROTECTION]):
        pass
