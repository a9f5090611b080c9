"""Against loops and floods: two machines that answer each other, or one person who sends hundreds of messages.

Every message is still read, and what it tells of still has its effect; only replies are left out. The marks are keyed
hashes, so nothing of the words is kept.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from messaging.outbox import Lane

WINDOW = timedelta(minutes=5)
SAME = 8  # the same text so often in a row is a machine, or somebody whom the next reply helps no more than the last
MANY = 40
FAR_TOO_MANY = 80  # from here on even what is said for protection is left out: their case is open long since
Verdict = Literal["", "loop", "flood"]
Pace = dict[str, Any]


def step(before: Mapping[str, Any] | None, mark: str, at: datetime) -> Pace:
    """The pace of a conversation after one more message: `count` in this window, `same` in a row."""
    fresh = before is None or at - datetime.fromisoformat(before["since"]) > WINDOW
    if before is None or fresh:
        return {"since": at.isoformat(), "count": 1, "same": 1, "mark": mark}
    same = before["same"] + 1 if before["mark"] == mark else 1
    return {"since": before["since"], "count": before["count"] + 1, "same": same, "mark": mark}


def verdict(pace: Mapping[str, Any]) -> Verdict:
    """What this pace is."""
    if pace["same"] >= SAME:
        return "loop"
    return "flood" if pace["count"] >= MANY else ""


def first_time(pace: Mapping[str, Any]) -> bool:
    """Whether it has just become one: a person is told once."""
    return bool(pace["same"] == SAME or pace["count"] == MANY)


def muted(pace: Mapping[str, Any], lane: Lane) -> bool:
    """Whether a reply is left out."""
    return bool(verdict(pace)) and (lane != Lane.PROTECTION or pace["count"] >= FAR_TOO_MANY)
