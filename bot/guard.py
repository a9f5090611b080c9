"""Against loops and floods: two machines that answer each other, or one person who sends hundreds of messages.

Every message is still read, and what it tells of still has its effect; only replies are left out. The marks are keyed
hashes, so nothing of the words is kept.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from messaging.outbox import Lane

WINDOW = timedelta(minutes=5)
APART = timedelta(minutes=10)  # the same text comes again within this: still in a row, however slowly
SAME = 8  # the same text so often in a row is a machine, or somebody whom the next reply helps no more than the last
MANY = 40
FAR_TOO_MANY = 80  # from here on even what is said for protection is left out: their case is open long since
Verdict = Literal["", "loop", "flood"]
Pace = dict[str, Any]


def step(before: Mapping[str, Any] | None, mark: str, at: datetime) -> Pace:
    """The pace of a conversation after one more message: `count` in this window, `same` in a row.

    Who has been found to be a loop or a flood is one until WINDOW has passed without a message: a machine that never
    pauses is not answered anew in each window.
    """
    if before is None:
        return {"since": at.isoformat(), "last": at.isoformat(), "count": 1, "same": 1, "mark": mark}
    since, last = (datetime.fromisoformat(before.get(name, before["since"])) for name in ("since", "last"))
    again = before["mark"] == mark and at - last <= APART
    same = before["same"] + 1 if again else 1
    goes_on = at - since <= WINDOW or (bool(verdict(before)) and at - last <= WINDOW)
    count, since = (before["count"] + 1, since) if goes_on else (1, at)
    return {"since": since.isoformat(), "last": at.isoformat(), "count": count, "same": same, "mark": mark}


def verdict(pace: Mapping[str, Any]) -> Verdict:
    """What this pace is."""
    if pace["same"] >= SAME:
        return "loop"
    return "flood" if pace["count"] >= MANY else ""


def first_time(pace: Mapping[str, Any]) -> bool:
    """Whether it has just become one: a person is told once."""
    return bool(pace["same"] == SAME or pace["count"] == MANY)


def muted(pace: Mapping[str, Any], lane: Lane, *, guess: bool = False) -> bool:
    """Whether a reply is left out. The gentle question about words that only may tell of harm (`guess`), from somebody
    who has told of none, is not put to the same words again and again: a machine may have written them, and the staff
    have them to read."""
    if not verdict(pace):
        return False
    return lane != Lane.PROTECTION or pace["count"] >= FAR_TOO_MANY or (guess and pace["same"] >= SAME)
