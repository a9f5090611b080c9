"""What can go wrong at Twilio, on order."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# send: POST Messages.json; call: POST Calls.json; read: every GET; change: redaction and deletion.
Operation = Literal["send", "call", "read", "change", "any"]
Action = Literal["fail", "hang", "drop", "delay", "later"]


@dataclass(slots=True)
class Fault:
    """One fault. `times` None is for ever; `to` narrows it to an address; `accepted` says on which side of the
    acceptance a hang or a drop happens."""

    action: Action
    on: Operation = "send"
    times: int | None = 1
    to: str | None = None
    accepted: bool = False
    status: int | None = None
    code: int = 0
    seconds: float = 0.0
    final: str = "undelivered"

    def fits(self, on: str, to: str | None) -> bool:
        return self.on in (on, "any") and self.times != 0 and (self.to is None or self.to == to)


class Faults:
    """The faults on order and the rate above which Twilio answers 429 (`rate`: sends in one second; None: no limit)."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._orders: list[Fault] = []
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()

    def order(self, fault: Fault) -> None:
        """Add a fault; those of an earlier order come first."""
        with self._lock:
            self._orders.append(fault)

    def heal(self) -> None:
        """Take back all faults and the rate limit."""
        with self._lock:
            self._orders.clear()
            self.rate = None

    def before(self, on: str, to: str | None) -> Fault | None:
        """The fault that meets a request on its arrival, used up once."""
        return self._take(lambda f: f.action != "later" and not f.accepted and f.fits(on, to))

    def after(self, on: str, to: str | None) -> Fault | None:
        """The fault that keeps the answer to an accepted request back, used up once."""
        return self._take(lambda f: f.accepted and f.fits(on, to))

    def later(self, to: str) -> Fault | None:
        """The fault that meets an accepted message on its way, used up once."""
        return self._take(lambda f: f.action == "later" and f.fits("send", to))

    def _take(self, wanted: Callable[[Fault], bool]) -> Fault | None:
        if not self._orders:
            return None
        with self._lock:
            for fault in self._orders:
                if wanted(fault):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def too_fast(self) -> bool:
        """Whether one more send now is above the rate. A refused one does not count."""
        if self.rate is None:
            return False
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if len(self._recent) >= self.rate:
                return True
            self._recent.append(now)
            return False
