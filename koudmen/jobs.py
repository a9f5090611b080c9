"""The jobs that RQ wakes. They carry no arguments: what is to be done stands in the database."""

import time
from collections.abc import Callable, Sequence
from functools import cache

from base import log
from koudmen.runtime import Runtime, make_runtime
from messaging.outbox import Lane

JOB_S = 20.0  # RQ ends a job after 180 s; whoever must stop waits for the job in hand
TOGETHER_S = 0.015  # after a small round, so that what comes at such a rate is done together
SELDOM_S = 0.04  # between two looks for what comes seldom: one disclosure in a hundred messages keeps it looking
STAY_S = 0.3  # so long a job looks for more: beginning another costs RQ as much as some ten looks
SMALL = 8  # conversations in a round of turns
logger = log.get(__name__)


@cache
def runtime() -> Runtime:
    """This process's runtime, made with the first job."""
    return make_runtime(whole_tables=False)


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

    def batch() -> int | None:
        done = run.drain.once()
        if run.drain.protecting:
            run.bell.ring("protect")
        if done:
            run.bell.ring("send")
        return done

    if not _until_nothing_comes(batch, SMALL):
        run.bell.ring("turn")  # more than one job's worth: let another worker take a share


def send() -> None:
    """Empty the outbox."""
    run = runtime()
    run.bell.heard("send")
    if not _until_nothing_comes(run.sender.send_due, run.sender.batch // 2):
        run.bell.ring("send")


def protect() -> None:
    """Empty the protection lane of the outbox, in a worker of its own."""
    run = runtime()
    run.bell.heard("protect")
    if not _until_nothing_comes(
        lambda: run.sender.send_due([Lane.PROTECTION]), run.sender.batch // 2, between_s=SELDOM_S
    ):
        run.bell.ring("protect")


def _until_nothing_comes(round_of_work: Callable[[], int | None], small: int, *, between_s: float = TOGETHER_S) -> bool:
    """Do rounds until there is nothing to do for a while. False: there was still work when the job's time was over."""
    begun = last = time.monotonic()
    while (at := time.monotonic()) < begun + JOB_S:
        done = round_of_work()
        if done:
            last = at
        elif at > last + STAY_S:
            return True
        if (done or 0) < small:
            time.sleep(between_s)
    return False
