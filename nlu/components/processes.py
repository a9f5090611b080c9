"""Long work on two processors: one model is learnt in parts that need nothing of one another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

Job = Callable[[], Any]

MOST = 2  # at once: each takes some 700 MB for the data of today
_jobs: list[Job] = []  # of a worker


def side_by_side(jobs: list[Job]) -> list[Any]:
    """What each job gives, in order; MOST at once where there are as many processors, in copies of this process.

    Nothing but the results is handed over, so a job may hold large arrays. One after the other where processes are
    not copied (only Linux's are), and where the system ended one, as it does when memory is short.
    """
    most = min(MOST, len(jobs), len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    if most < 2:
        return [job() for job in jobs]
    try:
        with ProcessPoolExecutor(most, get_context("fork"), initializer=_inherit, initargs=(jobs,)) as workers:
            return list(workers.map(_do, range(len(jobs))))
    except BrokenProcessPool:
        return [job() for job in jobs]


def _inherit(jobs: list[Job]) -> None:
    _jobs.extend(jobs)


def _do(number: int) -> Any:
    return _jobs[number]()
