"""How long the oldest message of each queue has waited, and when that is an alarm."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

# seconds: from the first on a queue is slow, from the second on somebody must look. Replies are to be there in 3 s
# (docs/performance.md); a person in danger waits for nothing.
LEVELS: Mapping[str, tuple[float, float]] = {
    "inbound": (15.0, 60.0),
    "protection": (5.0, 20.0),
    "replies": (30.0, 120.0),
}
_AGES = text("""
SELECT
  (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)
     FROM inbound_message WHERE handled_at IS NULL) AS inbound,
  (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)
     FROM outbound_message WHERE state = 'queued' AND due_at <= now() AND lane = 0) AS protection,
  (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)
     FROM outbound_message WHERE state = 'queued' AND due_at <= now() AND lane > 0) AS replies
""")


def ages(session: Session) -> dict[str, float]:
    """Seconds the oldest message of each queue has waited; what waits for its next attempt does not count."""
    row = session.execute(_AGES).mappings().one()
    return {name: float(row[name]) for name in LEVELS}


def level(name: str, age_s: float) -> int:
    """0: in order, 1: slow, 2: alarm."""
    return sum(age_s >= limit for limit in LEVELS[name])


def told(found: Mapping[str, float]) -> str:
    """The queues that are not in order, or "ok"."""
    words = ("", "slow", "ALARM")
    said = [f"{words[level(name, age)]}: {name} {age:.0f} s" for name, age in found.items() if level(name, age)]
    return "; ".join(said) or "ok"
