"""The words of the queue."""

from datetime import datetime

from dashboard import shown
from dashboard.queue_rows import Line
from dashboard.words import _

N_ = str  # marks a text for the catalogue; `_()` looks it up when it is shown
LANGUAGES = {
    "en": N_("English"), "ht": N_("Haitian Creole"), "acf": N_("Kwéyòl"), "fr": N_("French"), "es": N_("Spanish"),
    "unknown": N_("not known"),
}  # fmt: skip
LEVELS = {1: N_("officer on call"), 2: N_("backup"), 3: N_("supervisors"), 4: N_("everybody")}
STATES = {
    "new": N_("nobody paged yet"), "paged": N_("paged"), "acknowledged": N_("taken, not answered yet"),
    "engaged": N_("in contact"), "closing": N_("waits for approval to close"),
}  # fmt: skip
CLOCKS = {
    "reply": N_("first answer"), "contact": N_("next contact"), "close": N_("to be closed"),
    "news": N_("owner is told of news"),
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
