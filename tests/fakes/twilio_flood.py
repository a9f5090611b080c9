"""Many inbound messages at a steady rate, whatever the answers take (an open loop), and what became of them."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tests.fakes.twilio_client import Response, Wire


class Sent(NamedTuple):
    """What became of one inbound message: its id, our webhook's HTTP status (0: no answer), seconds to the answer."""

    sid: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Flood:
    """What became of many, in the order given. `started` and `due` are monotonic times: `started - due` is how late
    the generator itself was."""

    answers: list[Sent]
    started: list[float]
    due: list[float]
    seconds: float

    @property
    def statuses(self) -> dict[int, int]:
        """HTTP status -> how often."""
        return {s: sum(a.status == s for a in self.answers) for s in {a.status for a in self.answers}}

    @property
    def latencies(self) -> list[float]:
        """Seconds to the answer, sorted."""
        return sorted(a.seconds for a in self.answers)

    def percentile(self, percent: float) -> float:
        """The latency that `percent` of the messages did not exceed."""
        return self.latencies[min(int(len(self.answers) * percent / 100), len(self.answers) - 1)]


class Run:
    """One flood: requests made beforehand, with their ids, at a rate. `leaving` is told each one's number."""

    def __init__(
        self, requests: list[bytes], sids: list[str], rate: float | None, retries: int, leaving: Callable[[int], None]
    ) -> None:
        self.requests, self.sids, self.retries, self.leaving = requests, sids, retries, leaving
        self.gap = 1 / rate if rate else 0.0
        self.next = itertools.count()
        self.answers: list[Sent] = [Sent(sid, 0, 0.0) for sid in sids]
        self.started = [0.0] * len(sids)
        self.begin = 0.0

    def play(self, wires: list[Wire]) -> Flood:
        """Send them all; as many threads as wires."""
        threads = [threading.Thread(target=self._work, args=(wire,), daemon=True) for wire in wires]
        self.begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        due = [self.begin + n * self.gap for n in range(len(self.sids))]
        return Flood(self.answers, self.started, due, time.monotonic() - self.begin)

    def _work(self, wire: Wire) -> None:
        while (n := next(self.next)) < len(self.sids):
            wait = self.begin + n * self.gap - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.leaving(n)
            self.started[n] = time.monotonic()
            response = self._send(wire, self.requests[n])
            self.answers[n] = Sent(self.sids[n], response.status, response.seconds)
        wire.close()

    def _send(self, wire: Wire, request: bytes) -> Response:
        response = wire.exchange(request)
        for _ in range(self.retries):
            if 0 < response.status < 500:
                break
            response = wire.exchange(request)
        return response
