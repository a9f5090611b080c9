"""The queue as HTML. The rows are the same for all but the one who has a case, so they are made once for many pages."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from markupsafe import Markup

from dashboard import queue_words
from dashboard.queue_filters import Filters
from dashboard.queue_rows import Found, Line


@dataclass(frozen=True)
class Board:
    """What was found at a moment, with its rows as everybody sees them who has none of these cases."""

    found: Found
    rows: tuple[Markup, ...]
    filters: Filters
    may_take: bool
    at: datetime

    def told(self, me: uuid.UUID) -> dict[str, object]:
        """For the templates, as this person sees it."""
        rows = [
            _row(line, self.filters, self.at, may_take=self.may_take, mine=True) if line.owner_id == me else row
            for line, row in zip(self.found.lines, self.rows, strict=True)
        ]
        mine = self.found.counts.owners.get(me, 0)
        return {"found": self.found, "rows": rows, "filters": self.filters, "words": queue_words, "my_count": mine}


def board(found: Found, filters: Filters, at: datetime, *, may_take: bool) -> Board:
    """Make the rows. `may_take`: whether those who look at it may work on cases."""
    rows = tuple(_row(line, filters, at, may_take=may_take, mine=False) for line in found.lines)
    return Board(found, rows, filters, may_take, at)


def _row(line: Line, filters: Filters, at: datetime, *, may_take: bool, mine: bool) -> Markup:
    macro = current_app.jinja_env.get_template("queue/row.html").module.row  # type: ignore[attr-defined]
    made: Markup = macro(line, at, queue_words, filters.query(), mine, may_take)
    return made
