"""The words of the queue."""

from datetime import datetime

from dashboard import shown
from dashboard.queue_rows import Line
from dashboard.words import _

LANGUAGES = {
    "en": "English", "ht": "Haitian Creole", "acf": "Kwéyòl", "fr": "French", "es": "Spanish", "unknown": "not known",
}  # fmt: skip
LEVELS = {1: "officer on call", 2: "backup", 3: "supervisors", 4: "everybody"}
STATES = {
    "new": "nobody paged yet", "paged": "paged", "acknowledged": "taken, not answered yet", "engaged": "in contact",
    "closing": "waits for approval to close",
}  # fmt: skip
CLOCKS = {
    "reply": "first answer", "contact": "next contact", "close": "to be closed",
    "news": "owner is told of news",
}  # fmt: skip


def language(code: str | None) -> str:
    """A language's name."""
    return _(LANGUAGES.get(code or "unknown", code or ""))


def state(line: Line) -> str:
    """Where a case stands; of a paged one, whom the last page went to."""
    told = _(STATES.get(line.state, line.state))
    return f"{told}: {_(LEVELS.get(line.level, ''))}" if line.state == "paged" and line.level else told


def clock(line: Line, now: datetime) -> str:
    """What is due next. A missed contact is told again and again; its time is the next telling's."""
    if line.clock == "contact" and line.late and line.due_at and line.due_at > now:
        return _("contact is late, told again")
    if line.clock == "page":
        return _("page to %(level)s", level=_(LEVELS.get(line.next_level, "")))
    return _(CLOCKS.get(line.clock, ""))


def due(line: Line, now: datetime) -> str:
    """When: `in 4 min`, `now`, `12 min late`."""
    if line.due_at is None:
        return ""
    if line.due_at <= now and not line.late:
        return _("now")
    return shown.clock(line.due_at, now)
