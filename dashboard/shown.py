"""How times and codes are written on the staff site. Times are Dominica's."""

from datetime import UTC, datetime, timedelta

from base.clock import DOMINICA

MARK = {"critical": "!!!", "high": "!!", "standard": "!"}  # severity without colour

NAMES = {"en": "English", "ht": "Haitian Creole", "acf": "Kweyol", "fr": "French", "es": "Spanish"}


def local(at: datetime | None) -> str:
    """`24 Nov 14:05`; nothing for nothing."""
    return f"{at.astimezone(DOMINICA):%-d %b %H:%M}" if at else ""


def day(at: datetime | None) -> str:
    """`Tue 24 Nov 2026`."""
    return f"{at.astimezone(DOMINICA):%a %-d %b %Y}" if at else ""


def span(length: timedelta) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `4 d 2 h`: two units at most, rounded down."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago."""
    return span(now - at) if at else ""


def clock(at: datetime | None, now: datetime) -> str:
    """`in 4 min`, or `12 min late`."""
    if at is None:
        return ""
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} late"


def iso(at: datetime | None) -> str:
    """For `<time datetime>` and scripts."""
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
