"""Messages from many people to the running service, and how long each waited."""

import time
from dataclasses import dataclass

from sqlalchemy import text

from tests.bench.answers import Answers, count_answers
from tests.bench.messages import Letter
from tests.bench.stack import Stack
from tests.bench.usage import Usage
from tests.fakes.twilio import Flood

PATIENCE_S = 90.0
_OPEN = text(
    "SELECT EXISTS (SELECT 1 FROM inbound_message WHERE handled_at IS NULL) OR EXISTS "
    "(SELECT 1 FROM outbound_message WHERE state IN ('queued', 'sending', 'unknown'))"
)


@dataclass(frozen=True)
class Result:
    """One run. `seconds` from the first webhook to the last reply the carrier took; `webhooks` and `waits` are the
    seconds to each webhook's answer and to the first reply, sorted; `cpu_ms` of processor time a message by process,
    where the system tells it, and the share of the machine that `others` took."""

    flood: Flood
    seconds: float
    webhooks: list[float]
    waits: list[float]
    answers: Answers
    cpu_ms: dict[str, float]
    others: float

    @property
    def per_s(self) -> float:
        return len(self.flood.answers) / self.seconds

    def webhook_ms(self, percent: float) -> float:
        return percentile(self.webhooks, percent) * 1000

    def reply_s(self, percent: float) -> float:
        return percentile(self.waits, percent)


def percentile(ordered: list[float], percent: float) -> float:
    """The value that `percent` of them do not exceed; not a number when there are none."""
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else float("nan")


def begun(flood: Flood, rate: float | None) -> list[float]:
    """When each message's time began: when it was to leave, at a rate (a late generator hides nothing), else when it
    left."""
    return flood.due if rate else flood.started


def webhook_seconds(flood: Flood, rate: float | None) -> list[float]:
    """From there to the webhook's answer, sorted."""
    rows = zip(flood.answers, flood.started, begun(flood, rate), strict=True)
    return sorted(started - due + answer.seconds for answer, started, due in rows)


def end_to_end(stack: Stack, letters: list[Letter], connections: int, rate: float | None = None) -> Result:
    """Everybody writes once, as fast as the webhooks are answered or at `rate` a second, and waits for the reply."""
    usage = Usage(stack.parts())
    flood = flood_with(stack, letters, connections, rate)
    settle(stack)
    cpu_ms, others = usage.ms_each(len(letters)), usage.others()
    first, last = _replies(stack, {letter.sender for letter in letters})
    pairs = zip(letters, begun(flood, rate), strict=True)
    waits = sorted(first[letter.sender] - start for letter, start in pairs if letter.sender in first)
    seconds = max(last - flood.started[0], flood.seconds)
    answers = count_answers(stack, letters, flood)
    return Result(flood, seconds, webhook_seconds(flood, rate), waits, answers, cpu_ms, others)


def _replies(stack: Stack, people: set[str]) -> tuple[dict[str, float], float]:
    """When each of these people's first reply was taken, and the last of all (monotonic)."""
    first: dict[str, float] = {}
    last = 0.0
    for message in stack.double.sent():
        if message.to in people:
            first.setdefault(message.to, message.at)
            last = max(last, message.at)
    return first, last


def flood_with(stack: Stack, letters: list[Letter], connections: int, rate: float | None) -> Flood:
    """Signed webhooks, nothing else."""
    messages = [(letter.sender, letter.text) for letter in letters]
    return stack.double.flood(messages, rate=rate, connections=connections)


def settle(stack: Stack) -> None:
    """Return when nothing waits in the inbox or the outbox and every delivery report was taken, or when it has taken
    too long."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with stack.engine.connect() as connection:
            waits = connection.scalar(_OPEN)
        if not waits:
            stack.double.settle(PATIENCE_S)
            return
        time.sleep(0.25)
    print(f"after {PATIENCE_S:.0f} s messages still wait", flush=True)
