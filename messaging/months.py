"""Messages are kept in a table for each month, and an id alone tells which: no look-up needs a date as well.

Messages in are numbered from month x STEP on (`koudmen.partitions` moves the sequence on when a month begins). Messages
out have ids in the form of UUID version 7, which begin with milliseconds; the id of a reply is made from its message's
number and its place in order, so that the primary key itself keeps a message from being answered twice.
"""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta

from base.clock import now

STEP = 1_000_000_000  # messages in a month; as milliseconds, less than the shortest month has
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def month_of(at: datetime) -> int:
    """Months since January 2000 (UTC)."""
    at = at.astimezone(UTC)
    return (at.year - 2000) * 12 + at.month - 1


def begins(month: int) -> datetime:
    """Its first moment."""
    return datetime(2000 + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def first_inbound(month: int) -> int:
    """The lowest id that a message in can have."""
    return month * STEP


def first_outbound(month: int) -> uuid.UUID:
    """The lowest id that a message out can have."""
    return uuid.UUID(int=_ms(begins(month)) << 80)


def new_outbound_id() -> uuid.UUID:
    """For what is sent to somebody who has not just written."""
    return _version_7(_ms(now()), secrets.randbits(12), secrets.randbits(62))


def reply_id(inbound_id: int, conversation_id: uuid.UUID, seq: int) -> uuid.UUID:
    """For the reply number `seq` to a message: always the same. It lies in the message's own month."""
    month, number = divmod(inbound_id, STEP)
    start = _ms(begins(month)) if month else 0  # numbered before there were months
    mixed = hashlib.blake2b(f"{inbound_id} {seq}".encode(), digest_size=8, key=conversation_id.bytes).digest()
    return _version_7(start + number, seq & 0xFFF, int.from_bytes(mixed) >> 2)


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _version_7(ms: int, twelve: int, sixty_two: int) -> uuid.UUID:
    """RFC 9562, section 5.7."""
    return uuid.UUID(int=ms << 80 | 7 << 76 | twelve << 64 | 2 << 62 | sixty_two)
