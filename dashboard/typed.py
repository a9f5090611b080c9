"""What people type into forms, read strictly: InvalidInput in words for the person when it cannot be used."""

import uuid
from datetime import date, datetime, timedelta

from base.clock import DOMINICA
from base.errors import InvalidInput, KoudmenError

FIRST, LAST = 2020, 2100  # years that a rota or a log is asked for


def moment(text: str) -> datetime:
    """Dominica's time as `<input type=datetime-local>` writes it, `2026-12-24T18:00`."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput("a time is written like 2026-12-24 18:00") from None
    if found.tzinfo is not None or not FIRST <= found.year < LAST:
        raise InvalidInput(f"a time lies between {FIRST} and {LAST}, and is Dominica's")
    return found.replace(tzinfo=DOMINICA)


def as_typed(at: datetime) -> str:
    """The same, for a form that is filled in already."""
    return f"{at.astimezone(DOMINICA):%Y-%m-%dT%H:%M}"


def day(text: str | None) -> date | None:
    """`2026-12-24`; None when it is no day of our years."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if FIRST <= found.year < LAST else None


def midnight(of: date) -> datetime:
    """When a day begins in Dominica."""
    return datetime(of.year, of.month, of.day, tzinfo=DOMINICA)


def number(text: str | None, least: int, most: int, name: str) -> int:
    """A whole number within bounds."""
    written = (text or "").strip()
    if not (written.isascii() and written.isdecimal() and len(written) < 10 and least <= int(written) <= most):
        raise InvalidInput(f"{name} is a whole number from {least} to {most}")
    return int(written)


def chosen(text: str | None, what: str) -> uuid.UUID:
    """An id out of a list."""
    try:
        return uuid.UUID(text or "")
    except ValueError:
        raise InvalidInput(f"choose {what}") from None


def monday(of: date) -> date:
    """The Monday of a day's week."""
    return of - timedelta(days=of.weekday())


def told(error: KoudmenError) -> str:
    """What was refused, as a sentence for the page."""
    words = str(error)
    return f"{words[:1].upper()}{words[1:]}."
