"""Group commit: requests that come at the same moment share one transaction, and none waits for ever."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 100
PATIENCE_S = 3.0  # Twilio waits 15 s for an answer; what follows (the spool) needs a moment too


class Late(Exception):
    """The store did not take it in time. It may still do so: whatever is done instead must be idempotent with it."""


@dataclass(eq=False, slots=True)
class _Ticket(Generic[Item, Result]):
    item: Item
    done: asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop
    given_up: bool = False


class GroupCommit(Generic[Item, Result]):
    """Hands items to `write`, several at a time and in the order they came, in a thread of its own.

    `write` returns one result for each item, or raises for all of them. A `write` that hangs delays nobody for more
    than `patience_s`, and those who come while it hangs not at all. While several come at a time, `gather_s` is
    waited for `enough` to share the next write; all that have come by then do, MOST at a time.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        enough: int = MOST,
        patience_s: float = PATIENCE_S,
        gather_s: float = 0.0,
    ) -> None:
        self.write, self.enough, self.patience_s, self.gather_s = write, enough, patience_s, gather_s
        self.crowded = self.idle = False
        self.waiting: deque[_Ticket[Item, Result]] = deque()
        self.busy_since: float | None = None
        self.ready = threading.Condition()
        self.thread: threading.Thread | None = None

    async def submit(self, item: Item) -> Result:
        """Return when `item` is written, with its result. Raises Late, or what `write` raised. From any event loop,
        also from several at once."""
        loop = asyncio.get_running_loop()
        ticket: _Ticket[Item, Result] = _Ticket(item, loop.create_future(), loop)
        with self.ready:
            if self.busy_since is not None and time.monotonic() - self.busy_since > self.patience_s:
                raise Late
            self._running()
            self.waiting.append(ticket)
            if self.idle or self._full():  # waking it for each of them would cost more than the rest
                self.ready.notify()
        try:
            async with asyncio.timeout(self.patience_s):
                return await ticket.done
        except TimeoutError:
            ticket.given_up = True
            raise Late from None

    def _running(self) -> None:
        if self.thread is None:  # with the first item: after any fork of the server's
            self.thread = threading.Thread(target=self._work, daemon=True, name="group commit")
            self.thread.start()

    def _work(self) -> None:
        while True:
            with self.ready:
                self.busy_since = None
                self.idle = True
                while not self.waiting:
                    self.ready.wait()
                self.idle = False
                if self.crowded and self.gather_s:
                    self.ready.wait_for(self._full, self.gather_s)
                tickets = [self.waiting.popleft() for _ in range(min(MOST, len(self.waiting)))]
                self.busy_since = time.monotonic()
                self.crowded = len(tickets) > 1
            self._serve([ticket for ticket in tickets if not ticket.given_up])

    def _full(self) -> bool:
        return len(self.waiting) >= self.enough

    def _serve(self, tickets: Sequence[_Ticket[Item, Result]]) -> None:
        results: Sequence[Result] = ()
        fault: Exception | None = None
        try:
            if tickets:
                results = self.write([ticket.item for ticket in tickets])
                if len(results) != len(tickets):
                    raise RuntimeError("a result is missing")
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            fault = error
        for loop in {ticket.loop for ticket in tickets}:
            mine = [at for at, ticket in enumerate(tickets) if ticket.loop is loop]
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits there
                loop.call_soon_threadsafe(
                    _tell, [tickets[at].done for at in mine], [] if fault else [results[at] for at in mine], fault
                )


def _tell(waiting: Sequence[asyncio.Future[Result]], results: Sequence[Result], fault: Exception | None) -> None:
    for at, done in enumerate(waiting):
        if done.done():  # who waited has given up
            continue
        if fault:
            done.set_exception(fault)
        else:
            done.set_result(results[at])
