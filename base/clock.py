"""The only places that read the wall clock. Rules take the time as an argument; processes ask here."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DOMINICA = ZoneInfo("America/Dominica")  # UTC-4 all year


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
