"""Sends pages: claim, call the carrier, record. Apart from the outbox, so that no page waits behind a reply, and
without its rates. The carrier is never called inside a transaction."""

from collections.abc import Sequence
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import database_now, transaction
from base.errors import OutcomeUnknown, SendError
from base.settings import OnCall
from messaging.carrier_errors import Action, rule
from messaging.channel import Accepted
from oncall import pages
from oncall.engine import Now
from oncall.pages import Paging

AGAIN = frozenset({Action.RETRY, Action.RETRY_ONCE, Action.STOP_SENDING})
logger = log.get(__name__)


class Pager(Protocol):
    """Hands a page to whoever carries it."""

    def send(self, page: Paging) -> Accepted:
        """Send it. Raises SendError (surely not taken) or OutcomeUnknown (perhaps taken)."""


class Paged:
    """Everything that is needed to send pages."""

    def __init__(
        self, sessions: sessionmaker[Session], pager: Pager, config: OnCall, *, threads: int = 8,
        now: Now = database_now,
    ) -> None:  # fmt: skip
        self.sessions, self.pager, self.now = sessions, pager, now
        self.hold, self.retry = config.claim, config.retry
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self.threads, self.flying = threads, set[Future[None]]()

    def send_due(self, *, wait: bool = True) -> int:
        """One round: as many as there are free threads, so that none is claimed and then waits. Without `wait` the next
        round need not wait for a carrier that hangs. Returns how many pages were begun."""
        self.flying = {one for one in self.flying if not one.done()}
        free = self.threads - len(self.flying)
        if not free:
            return 0
        with transaction(self.sessions) as session:
            first = pages.first_due(session)
            if first is None or first > (at := self.now(session)):
                return 0
            over = pages.expire(session, at)
            claimed = pages.claim(session, at, hold=self.hold, limit=free)
        if over:
            logger.warning("pages sent again", count=over, reason="their sender did not come back")
        self.flying |= {self.pool.submit(self._one, page) for page in claimed}
        if wait:
            futures.wait(self.flying)
        return len(claimed)

    def _one(self, page: Paging) -> None:
        """Send one and record what became of it at once: the others may take long."""
        outcome = _try(self.pager, page)
        try:
            with transaction(self.sessions) as session:
                record(session, page, outcome, self.now(session), self.retry)
        except Exception as error:
            logger.error("page not recorded", page_id=str(page.id), exc_info=error)  # its claim ends by itself


def _try(pager: Pager, page: Paging) -> Accepted | SendError:
    try:
        return pager.send(page)
    except SendError as error:
        return error
    except Exception as error:
        logger.error("page not sent", page_id=str(page.id), exc_info=error)
        return OutcomeUnknown(type(error).__name__)


def record(
    session: Session, page: Paging, outcome: Accepted | SendError, now: datetime, retry: Sequence[timedelta]
) -> None:
    """Write what became of one attempt. What may not have left is tried again: better twice than never."""
    if isinstance(outcome, Accepted):
        pages.sent(session, page.id, outcome.external_id, now)
        logger.info("page sent", page_id=str(page.id), kind=page.kind, seconds=_age(page, now), drill=page.drill)
        return
    known = rule(outcome.code, outcome.status)
    unknown = isinstance(outcome, OutcomeUnknown)
    logger.error("page refused", page_id=str(page.id), code=outcome.code, status=outcome.status, attempts=page.attempts)
    if unknown or known.action in AGAIN:
        wait = retry[min(page.attempts, len(retry)) - 1]
        pages.again(session, page, now + wait, outcome.code)
    else:
        pages.failed(session, page, now, outcome.code)


def _age(page: Paging, now: datetime) -> float:
    return round((now - page.created_at).total_seconds(), 3)
