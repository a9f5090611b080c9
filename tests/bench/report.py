"""What was measured, as a table for people and as one JSON object for programs."""

import json

from tests.bench.answers import Answers
from tests.bench.load import Result, percentile, webhook_seconds
from tests.bench.rasa_rest import Rest
from tests.fakes.twilio import Flood

QUIET = 0.05  # of all processors; above that the figures are too low
HEAD = f"{'':<30}{'messages/s':>11}{'webhook p50':>13}{'p99 (ms)':>10}{'reply p50':>11}{'p95 (s)':>9}"


def row(title: str, result: Result) -> str:
    """One run end to end."""
    return (
        f"{title:<30}{result.per_s:>11.1f}{result.webhook_ms(50):>13.1f}{result.webhook_ms(99):>10.1f}"
        f"{result.reply_s(50):>11.2f}{result.reply_s(95):>9.2f}"
    )


def row_webhook(title: str, flood: Flood, rate: float | None) -> str:
    """The webhook alone."""
    done, waits = _per_s(flood), webhook_seconds(flood, rate)
    return f"{title:<30}{done:>11.1f}{percentile(waits, 50) * 1000:>13.1f}{percentile(waits, 99) * 1000:>10.1f}"


def row_pages(title: str, seconds: list[float]) -> str:
    """From the webhook of a disclosure to its page at the carrier."""
    return f"{title:<30}{'':>35}{percentile(seconds, 50):>11.2f}{'':>9} (p99 {percentile(seconds, 99):.2f} s)"


def row_rest(title: str, rest: Rest) -> str:
    """Rasa's REST channel, whose reply is its answer."""
    return f"{title:<30}{rest.per_s:>11.1f}{'':>23}{rest.reply_s(50):>11.2f}{rest.reply_s(95):>9.2f}"


def costs(title: str, run: Result | Rest) -> str:
    """Processor time a message, by process, and what disturbed the measurement."""
    parts = ", ".join(f"{name} {used:.2f}" for name, used in run.cpu_ms.items() if used >= 0.05)
    told = f"processor time a message, {title} (ms): {parts} (all: {sum(run.cpu_ms.values()):.2f})"
    if run.others < QUIET:
        return told
    return f"{told}\nNOT A QUIET MACHINE: other programs used {run.others:.0%} of its processors in that run"


def faults(found: Answers) -> str:
    return (
        f"lost {found.lost}, answered twice {found.twice}, webhooks answered 5xx or not at all {found.failed}, "
        f"refused {found.refused}"
    )


def _per_s(flood: Flood) -> float:
    return len(flood.answers) / flood.seconds


def last_line(
    fast: Result,
    steady: Result,
    rest: Rest,
    paged: tuple[list[float], list[float]],
    webhooks: tuple[Flood, Flood],
    found: Answers,
    memory: dict[str, int],
) -> str:
    """Speed, processor time and `memory` from the run at full speed; latencies from the steady one; `paged` idle and
    beside ordinary load; `webhooks` alone, at a rate and as fast as they are answered."""
    alone, most = webhooks
    figures = {
        "messages_per_s": round(fast.per_s, 1),
        "rasa_rest_per_s": round(rest.per_s, 1),
        "ratio": round(fast.per_s / rest.per_s, 3),
        "webhook_p99_ms": round(steady.webhook_ms(99), 1),
        "reply_p95_s": round(steady.reply_s(95), 3),
        "cpu_ms_a_message": round(sum(fast.cpu_ms.values()), 2),
        "others": round(fast.others, 2),
        "webhook_alone_p50_ms": round(percentile(webhook_seconds(alone, 1), 50) * 1000, 1),
        "webhook_alone_p99_ms": round(percentile(webhook_seconds(alone, 1), 99) * 1000, 1),
        "webhook_limit_per_s": round(_per_s(most)),
        "page_p99_s": round(percentile(paged[0], 99), 3),
        "page_p99_busy_s": round(percentile(paged[1], 99), 3),
        **memory,
        "lost": found.lost,
        "twice": found.twice,
    }
    return json.dumps(figures)
