"""What becomes of an accepted message: its statuses, and the callbacks that tell of them."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.fakes.twilio_ground import Ground
from tests.fakes.twilio_records import Message

# "in order", "reversed", "duplicate", "none", or statuses as they shall come, each alone or with seconds to wait.
Mode = str | Sequence[str | tuple[str, float]]
INSTALL_SID = "XE" + "0" * 32


class CallbackResult(NamedTuple):
    """How our status webhook answered."""

    sid: str
    message_status: str
    http_status: int
    seconds: float


class _Job(NamedTuple):
    due: float
    number: int
    message: Message
    steps: tuple[tuple[str, float], ...]


def natural(message: Message, final: str, read: bool) -> list[str]:
    """The statuses a message goes through to `final`."""
    if final == "failed":
        return ["failed"]
    whatsapp = message.to.startswith("whatsapp:")
    return ["sent", final] + (["read"] if read and whatsapp and final == "delivered" else [])


def plan(mode: Mode, statuses: list[str], delay: float) -> tuple[tuple[str, float], ...]:
    """Statuses as they are reported under a mode, each with the seconds before it."""
    if not isinstance(mode, str):
        return tuple((step, delay) if isinstance(step, str) else step for step in mode)
    if mode == "reversed":
        statuses = statuses[::-1]
    elif mode == "duplicate":
        statuses = [s for s in statuses for _ in range(2)]
    elif mode not in ("in order", "none"):
        raise ValueError(f"no such order of callbacks: {mode}")
    return tuple((s, delay) for s in statuses)


def callback_params(message: Message, status: str) -> dict[str, str]:
    """The parameters of a status callback, of SMS or of WhatsApp."""
    params = {
        "ApiVersion": "2010-04-01",
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "To": message.to,
        "From": message.from_,
        "MessageSid": message.sid,
        "AccountSid": message.account_sid,
    }
    if message.messaging_service_sid:
        params["MessagingServiceSid"] = message.messaging_service_sid
    failed = status in ("failed", "undelivered")
    if failed and message.error_code:
        params["ErrorCode"] = str(message.error_code)
    if message.to.startswith("whatsapp:"):
        params |= _channel(message, status)
    elif status in ("delivered", "undelivered") and message.sent:
        params["RawDlrDoneDate"] = message.sent.strftime("%y%m%d%H%M")
    return params


def _channel(message: Message, status: str) -> dict[str, str]:
    address = message.to.removeprefix("whatsapp:")
    params = {"ChannelPrefix": "whatsapp", "ChannelInstallSid": INSTALL_SID}
    params["ChannelToAddress"] = address[:-4] + "XXXX" if address.startswith("+") else address
    if status in ("delivered", "read", "undelivered", "failed"):
        params["EventType"] = {"failed": "UNDELIVERED"}.get(status, status.upper())
    if status in ("failed", "undelivered"):
        params["ChannelStatusMessage"] = str(message.as_json()["error_message"])
    return params


class Lives(Ground):
    """Statuses and callbacks, on a few background threads. The callbacks of one message follow each other; those of
    different messages go side by side."""

    callbacks: Mode = "in order"
    callback_delay = 0.02  # seconds before each status; at 0 a callback may overtake the answer to its own send
    callbacks_must_succeed = True  # an answer of 4xx or 5xx to a callback is a violation
    read_receipts = False

    def begin(self, threads: int) -> None:
        """Make ready; threads start with the first message."""
        self.callback_results: list[CallbackResult] = []
        self._threads_wanted = threads
        self._jobs: list[_Job] = []
        self._numbers = itertools.count()
        self._busy = 0
        self._wake = threading.Condition()
        self._threads: list[threading.Thread] = []

    def live(self, message: Message, final: str = "delivered") -> None:
        """Let an accepted message run to its final status: at once, when nobody is told of it."""
        statuses = natural(message, final, self.read_receipts)
        steps = plan(self.callbacks, statuses, self.callback_delay)
        if self.callbacks == "none" or not message.status_callback:
            for status, _ in steps:
                self._rise(message, status)
            return
        self._later(message, steps)

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until every callback has been made and answered. Raises AssertionError when it takes too long."""
        with self._wake:
            if not self._wake.wait_for(lambda: not self._jobs and not self._busy, timeout):
                raise AssertionError(f"{len(self._jobs)} callbacks still waiting after {timeout} s")

    def end(self) -> None:
        """Stop the threads; what waits is dropped."""
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(2)

    def _later(self, message: Message, steps: tuple[tuple[str, float], ...]) -> None:
        if not steps:
            return
        job = _Job(time.monotonic() + steps[0][1], next(self._numbers), message, steps)
        with self._wake:
            heapq.heappush(self._jobs, job)
            if len(self._threads) < self._threads_wanted:
                self._threads.append(_spawn(self._work))
            self._wake.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._step(job)
                self._later(job.message, job.steps[1:])
            finally:
                with self._wake:
                    self._busy -= 1
                    self._wake.notify_all()

    def _next(self) -> _Job | None:
        with self._wake:
            while not self.stopping.is_set():
                wait = self._jobs[0].due - time.monotonic() if self._jobs else None
                if wait is not None and wait <= 0:
                    self._busy += 1
                    return heapq.heappop(self._jobs)
                self._wake.wait(wait)
        return None

    def _rise(self, message: Message, status: str) -> None:
        message.rise(status, self.now())
        message.statuses.append(status)

    def _step(self, job: _Job) -> None:
        status = job.steps[0][0]
        message = job.message
        self._rise(message, status)
        url = message.status_callback
        if not url:
            return
        response = self.caller.post(url, callback_params(message, status))
        self.callback_results.append(CallbackResult(message.sid, status, response.status, response.seconds))
        self.count(f"callback {response.status}")
        if self.callbacks_must_succeed and response.status >= 400:
            self.violation(f"the callback {status} of {message.sid} was answered with {response.status}")


def _spawn(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="twilio-callbacks", daemon=True)
    thread.start()
    return thread
