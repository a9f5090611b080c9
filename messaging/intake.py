"""Where a webhook hands over what came in: into the database, several requests in one transaction; into the spool
while the database is away; and from there into the database, in order, when it is back.

A request waits here as a coroutine, which costs next to nothing; views that have a thread use `asyncio.run`.
"""

import asyncio
import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from base import log
from base.clock import now
from base.errors import KoudmenError, Refused
from base.settings import Outbox
from messaging import inbox, reports
from messaging.group import GroupCommit, Late
from messaging.inbound import Inbound
from messaging.inbox import Arrival
from messaging.reports import Report
from messaging.spool import Entry, Spool

FLUSH_EVERY_S = 0.1
AGAIN_S = 1.0  # while the database is away
FLUSH_S = 5.0  # then somebody else may have the turn
FILES = 50  # taken in with one transaction
FEW = 50  # files that will be gone in a moment
MOMENT_S = 0.5
LOOK_EVERY_S = 0.05  # into the spool's folder
LOOK_S = 0.3  # a disk that takes longer does not answer
GATHER_S = 0.003  # a person waits for it
GATHER_REPORTS_S = 0.1  # nobody does, and each group is a commit...
ENOUGH_REPORTS = 8  # ...but each holds one of perhaps few connections of the carrier's
GATHER_SPOOL_S = 0.01  # each file costs two syncs, and later a read
# What may go wrong with an entry: the database, or an entry of another version of this code.
FAULTS = (SQLAlchemyError, KoudmenError, ValueError, KeyError, TypeError)
Taken = Literal["new", "repeat", "spooled"]
logger = log.get(__name__)


class Intake:
    """`bell` is called when messages are in the inbox, once for all that were written together."""

    def __init__(self, engine: Engine, spool: Spool, rules: Outbox, bell: Callable[[], object]) -> None:
        self.engine, self.spool, self.rules, self.bell = engine, spool, rules, bell
        self.messages: GroupCommit[Arrival, bool] = GroupCommit(self._write, gather_s=GATHER_S)
        self.reports: GroupCommit[Report, None] = GroupCommit(
            self._note, enough=ENOUGH_REPORTS, gather_s=GATHER_REPORTS_S
        )
        self.kept: GroupCommit[Entry, None] = GroupCommit(spool.put, gather_s=GATHER_SPOOL_S)
        self.flusher: threading.Thread | None = None
        self.lock = threading.Lock()
        self.away_until = 0.0
        self.looker = ThreadPoolExecutor(1, thread_name_prefix="spool look")
        self.looking: Future[None] | None = None
        self.waiting, self.looked_at = 0, -math.inf

    async def take(self, inbound: Inbound) -> Taken:
        """Write a message down. When this returns, it survives whatever happens. Refused: nothing takes it."""
        if await self._nothing_before():  # else it would overtake an earlier one of the same person
            try:
                return "new" if await self.messages.submit(Arrival(inbound)) else "repeat"
            except (SQLAlchemyError, Late) as error:
                self._away(error)
        await self._keep({"of": "message", "at": now().isoformat(), **asdict(inbound)})
        return "spooled"

    async def report(self, report: Report) -> None:
        """Write a delivery report down, as `take` does."""
        if await self._nothing_before():
            try:
                await self.reports.submit(report)
            except (SQLAlchemyError, Late) as error:
                self._away(error)
            else:
                return
        await self._keep({"of": "report", **asdict(report), "outbound_id": str(report.outbound_id)})

    async def _nothing_before(self) -> bool:
        """Whether the spool is empty. Waits a moment for the last files: were each request put behind them, then in a
        crowd there would always be a last one, and nobody would ever be written into the database again."""
        left = await self._left(LOOK_EVERY_S)
        if not left:
            return True
        self._flushing()
        until = time.monotonic() + MOMENT_S
        while left <= FEW and self.away_until < time.monotonic() < until:
            await asyncio.sleep(0.01)
            left = await self._left(0.01)
            if not left:
                return True
        return False

    async def _left(self, not_older_s: float) -> int:
        """How many files wait, FEW + 1 for more. Looked up in a thread, for a disk may hang, and not for each request.
        0 where the disk cannot tell: then the database decides."""
        if time.monotonic() - self.looked_at > not_older_s:
            if self.looking is None or self.looking.done():
                self.looking = self.looker.submit(self._look)
            try:
                async with asyncio.timeout(LOOK_S):
                    await asyncio.shield(asyncio.wrap_future(self.looking))
            except (TimeoutError, OSError):
                return 0
        return self.waiting

    def _look(self) -> None:
        self.waiting = self.spool.count(FEW + 1)
        self.looked_at = time.monotonic()

    def _away(self, error: Exception) -> None:
        if time.monotonic() > self.away_until:
            logger.warning("spooled", error_type=type(error).__name__, reason="the database does not take it")
        self.away_until = time.monotonic() + 2 * AGAIN_S

    async def _keep(self, entry: Entry) -> None:
        self._flushing()
        self.waiting = max(self.waiting, 1)  # from now on, also for those who do not look
        try:
            await self.kept.submit(entry)
        except Late:
            raise Refused("the spool does not take anything: the disk hangs") from None

    def _write(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        with self.engine.begin() as connection:
            new = [got.message_id is not None for got in inbox.receive_many(connection, arrivals)]
        if any(new):
            self.bell()
        return new

    def _note(self, some: Sequence[Report]) -> Sequence[None]:
        with Session(self.engine) as session, session.begin():
            reports.note(session, some, self.rules)
        return [None] * len(some)

    def _flushing(self) -> None:
        with self.lock:
            if self.flusher is None:
                self.flusher = threading.Thread(target=self._flush_always, daemon=True, name="spool")
                self.flusher.start()

    def _flush_always(self) -> None:
        said = False
        while True:
            try:
                self.flush()
                said = False
            except (SQLAlchemyError, OSError) as error:
                self.away_until = time.monotonic() + 2 * AGAIN_S
                if not said:
                    logger.warning("spool not emptied", error_type=type(error).__name__)
                said = True
            time.sleep(AGAIN_S if said else FLUSH_EVERY_S)

    def start(self) -> None:
        """Begin to empty what an earlier process left."""
        if not self.spool.empty():
            self._flushing()

    def flush(self) -> int:
        """Take in what is spooled, in order, as long as the database allows. Returns how many entries."""
        return 0 if self.spool.empty() else flush(self.engine, self.spool, self.rules, self.bell)


def flush(engine: Engine, spool: Spool, rules: Outbox, bell: Callable[[], object]) -> int:
    """As `Intake.flush`, for FLUSH_S at most; `bell` is called as soon as something is in. Nobody is harmed when
    several do it at once."""
    count, until = 0, time.monotonic() + FLUSH_S
    with spool.mine() as mine:
        while mine and time.monotonic() < until and (names := spool.names()):  # listed once for all of them
            for some in (names[at : at + FILES] for at in range(0, len(names), FILES)):
                if taken := _flush_files(engine, spool, some, rules):
                    bell()
                count += taken
                if time.monotonic() >= until:
                    break
    if count:
        logger.warning("spool emptied", count=count)
    return count


def _flush_files(engine: Engine, spool: Spool, names: Sequence[str], rules: Outbox) -> int:
    """Several files in one transaction; where one of them is at fault, each by itself."""
    found = [(name, entries) for name in names if (entries := spool.read(name)) is not None]
    entries = [entry for _, some in found for entry in some]
    if len(found) == len(names) > 1:
        try:
            _into(engine, entries, rules)
        except FAULTS as error:
            if not _at_fault(error):
                raise
        else:
            for name in names:
                spool.remove(name)
            return len(entries)
    return sum(_flush_file(engine, spool, name, rules) for name in names)


def _flush_file(engine: Engine, spool: Spool, name: str, rules: Outbox) -> int:
    entries = spool.read(name)
    if entries is None:
        logger.error("spooled file does not open", file=name)
        spool.set_aside(name)
        return 0
    faulty = 0
    try:
        _into(engine, entries, rules)
    except FAULTS as error:
        if not _at_fault(error):
            raise
        faulty = sum(not _alone(engine, entry, rules) for entry in entries)
    if faulty:
        logger.error("spooled message refused by the database", count=faulty)
        spool.set_aside(name)
    else:
        spool.remove(name)
    return len(entries) - faulty


def _alone(engine: Engine, entry: Entry, rules: Outbox) -> bool:
    try:
        _into(engine, [entry], rules)
    except FAULTS as error:
        if not _at_fault(error):
            raise
        return False
    return True


def _into(engine: Engine, entries: Sequence[Entry], rules: Outbox) -> None:
    """One transaction for the entries of a file."""
    messages = [_arrival(entry) for entry in entries if entry["of"] == "message"]
    some = [_report(entry) for entry in entries if entry["of"] == "report"]
    with Session(engine) as session, session.begin():
        if messages:
            inbox.receive_many(session.connection(), messages)
        if some:
            reports.note(session, some, rules)


def _arrival(entry: Entry) -> Arrival:
    values: dict[str, Any] = {name: value for name, value in entry.items() if name not in {"of", "at"}}
    return Arrival(Inbound(**values), datetime.fromisoformat(entry["at"]))


def _report(entry: Entry) -> Report:
    return Report(uuid.UUID(entry["outbound_id"]), entry["status"], entry["external_id"], entry["code"])


def _at_fault(error: Exception) -> bool:
    """Whether what was to be written is at fault, and not the database."""
    return not isinstance(error, SQLAlchemyError) or isinstance(error, DataError | IntegrityError)
