"""Whether the directory has changed since it was read.

A trigger on each of its tables writes the transaction's number into `directory_change`. A reader keeps the snapshot it
read under; what that snapshot does not show has changed since. PostgreSQL's own rule, so nothing is missed however
transactions overlap, and no lock is held. Numbers from the future (of a restored dump) do not count.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from base.db import Base

_STATE = text(
    "SELECT pg_current_snapshot()::text AS snapshot,"
    " EXISTS (SELECT FROM directory_change WHERE id = pg_current_xact_id_if_assigned()::text::bigint) AS ours,"
    " EXISTS (SELECT FROM directory_change WHERE id >= pg_snapshot_xmin(CAST(:since AS pg_snapshot))::text::bigint"
    " AND NOT pg_visible_in_snapshot(id::text::xid8, CAST(:since AS pg_snapshot))) AS changed"
)


class DirectoryChange(Base):
    """A transaction that changed the directory. Written by triggers only."""

    __tablename__ = "directory_change"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, comment="xid8 of PostgreSQL")


@dataclass(frozen=True, slots=True)
class State:
    """`snapshot`: what a reader sees now; `ours`: this transaction itself has changed the directory; `changed`: since
    the snapshot that was asked about."""

    snapshot: str
    ours: bool
    changed: bool


def state(session: Session, since: str | None) -> State:
    """How things stand against an earlier snapshot (None: never read)."""
    row = session.execute(_STATE, {"since": since or "1:1:"}).one()
    return State(row.snapshot, row.ours, row.changed or since is None)
