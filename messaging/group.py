"""Group commit: requests that come at the same moment share one transaction, and none waits for ever."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 100
PATIENCE_S = 3.0  # Twilio waits 15 s for an answer; what follows (the spool) needs a moment too


class Late(Exception):
    """The store did not take it in time. It may still do so: whatever is done instead must be idempotent with it."""


def _closed() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False, slots=True)
class _Ticket(Generic[Item, Result]):
    """`done` is held until there is a result: an Event would do, at five times its cost."""

    item: Item
    done: threading.Lock = field(default_factory=_closed)
    result: Result | None = None
    error: Exception | None = None
    given_up: bool = False


class GroupCommit(Generic[Item, Result]):
    """Hands items to `write`, several at a time and in the order they came, in a thread of its own.

    `write` returns one result for each item, or raises for all of them. A `write` that hangs delays nobody for more
    than `patience_s`, and those who come while it hangs not at all. While several come at a time, `gather_s` is
    waited for more to share the next write.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        most: int = MOST,
        patience_s: float = PATIENCE_S,
        gather_s: float = 0.0,
    ) -> None:
        self.write, self.most, self.patience_s, self.gather_s = write, most, patience_s, gather_s
        self.crowded = self.idle = False
        self.waiting: deque[_Ticket[Item, Result]] = deque()
        self.busy_since: float | None = None
        self.ready = threading.Condition()
        self.thread: threading.Thread | None = None

    def submit(self, item: Item) -> Result:
        """Return when `item` is written, with its result. Raises Late, or what `write` raised."""
        ticket: _Ticket[Item, Result] = _Ticket(item)
        with self.ready:
            if self.busy_since is not None and time.monotonic() - self.busy_since > self.patience_s:
                raise Late
            self._running()
            self.waiting.append(ticket)
            if self.idle or len(self.waiting) >= self.most:  # waking it for each of them would cost more than the rest
                self.ready.notify()
        if not ticket.done.acquire(timeout=self.patience_s):
            ticket.given_up = True
            raise Late
        if ticket.error:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]

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
                tickets = [self.waiting.popleft() for _ in range(min(self.most, len(self.waiting)))]
                self.busy_since = time.monotonic()
                self.crowded = len(tickets) > 1
            self._serve([ticket for ticket in tickets if not ticket.given_up])

    def _full(self) -> bool:
        return len(self.waiting) >= self.most

    def _serve(self, tickets: Sequence[_Ticket[Item, Result]]) -> None:
        try:
            if tickets:
                for ticket, result in zip(tickets, self.write([t.item for t in tickets]), strict=True):
                    ticket.result = result
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            for ticket in tickets:
                ticket.error = error
        for ticket in tickets:
            ticket.done.release()
