"""Who saw and did what: an append-only log whose entries are chained by keyed hashes.

Each entry's hash covers the one before it, so that a changed, inserted or removed entry is found by `verify`. Entries
that were cut off at the end leave a shorter chain that is whole: the count and the newest hash are therefore told by
`koudmen audit verify`, to be kept somewhere else. Entries hold codes and ids, never words or addresses.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Index, LargeBinary, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from base.db import Base, keys

_LOCK = 0x6B6F7564  # of PostgreSQL's advisory locks: one writer at a time makes the chain
FIRST = b"\0" * 32
_AT_ONCE = 1000


class AuditEvent(Base):
    """One entry. `actor_id`: an account of staff; none: the service or an administrator's shell."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_action", "action", "seq"),)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True, comment="kind:id of what it was done to")
    detail: Mapped[Any | None] = mapped_column(JSONB)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True)
class Verified:
    """The chain: how many entries, the newest hash, and the first entry that does not fit (None: whole)."""

    count: int
    head: str
    broken_at: int | None

    @property
    def whole(self) -> bool:
        return self.broken_at is None


def record(
    session: Session,
    action: str,
    now: datetime,
    *,
    actor: uuid.UUID | None = None,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append an entry in the caller's transaction. It holds the chain until commit: let it be the last thing done."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    last = session.execute(select(AuditEvent.seq, AuditEvent.hash).order_by(AuditEvent.seq.desc()).limit(1)).first()
    seq, before = (last[0] + 1, last[1]) if last else (1, FIRST)
    entry = AuditEvent(
        seq=seq, at=now, actor_id=actor, action=action, subject=subject, detail=dict(detail) if detail else None
    )
    entry.hash = _hash(before, entry)
    session.add(entry)
    session.flush()
    return entry


def verify(session: Session) -> Verified:
    """Reckon the whole chain again."""
    before, count = FIRST, 0
    for entry in entries(session):
        count += 1
        if entry.seq != count or entry.hash != _hash(before, entry):
            return Verified(count - 1, before.hex(), entry.seq)
        before = bytes(entry.hash)
    return Verified(count, before.hex(), None)


def entries(session: Session) -> Iterator[AuditEvent]:
    """All entries in order, read in parts."""
    last = -(2**62)  # an entry slipped in before the first is found too
    while part := session.scalars(
        select(AuditEvent).where(AuditEvent.seq > last).order_by(AuditEvent.seq).limit(_AT_ONCE)
    ).all():
        yield from part
        last = part[-1].seq


def as_json(entry: AuditEvent) -> dict[str, Any]:
    """An entry for an export."""
    return {
        "seq": entry.seq, "at": entry.at, "actor": entry.actor_id, "action": entry.action, "subject": entry.subject,
        "detail": entry.detail, "hash": bytes(entry.hash).hex(),
    }  # fmt: skip


def _hash(before: bytes, entry: AuditEvent) -> bytes:
    told = [
        entry.seq, entry.at.astimezone(UTC).isoformat(timespec="microseconds"), str(entry.actor_id or ""),
        entry.action, entry.subject, entry.detail,
    ]  # fmt: skip
    return keys().lookup("audit", before.hex(), orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode())
