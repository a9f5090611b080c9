"""The tables of each month: made ahead, and dropped whole when their time is over.

`inbound_message` is split by the ranges of its ids, `outbound_message` likewise; see messaging/months.py. What has an
id outside of all months (numbered before there were months; a month that nobody made in time; what was kept of a month
that is over) is in `…_before` and `…_rest`. All may run in several processes at once, and anywhere be interrupted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import transaction
from messaging import months

AHEAD = 2
FAR = 120  # months back that are looked for
LOCK = 7671980  # any fixed number
REST = {"inbound_message": "inbound_message_rest", "outbound_message": "outbound_message_rest"}
logger = log.get(__name__)
_NAME = re.compile(r"(in|out)bound_message_(before|rest|\d{4}_\d\d)").fullmatch
_THERE = text("""
SELECT child.relname FROM pg_inherits
JOIN pg_class AS parent ON parent.oid = inhparent JOIN pg_class AS child ON child.oid = inhrelid
WHERE parent.relname IN ('inbound_message', 'outbound_message')
""")
# Rows that must outlive their month: of conversations with a case, with words that are not erased yet, under way, or
# before a person.
_CASE = 'EXISTS (SELECT 1 FROM "case" AS k WHERE k.conversation_id = m.conversation_id)'
_KEPT = {
    "inbound_message": f"m.body IS NOT NULL OR m.handled_at IS NULL OR {_CASE} "  # noqa: S608
    "OR EXISTS (SELECT 1 FROM unread_message AS u WHERE u.inbound_id = m.id)",
    "outbound_message": "m.body IS NOT NULL OR m.state IN ('queued', 'sending', 'unknown', 'held', 'window') "
    f"OR {_CASE}",
}


@dataclass(frozen=True)
class Part:
    """The table of a month: its parent, name, and the ids it holds, from the first up to but without the second."""

    parent: str
    month: int
    first: str
    end: str

    @property
    def name(self) -> str:
        return f"{self.parent}_{months.begins(self.month):%Y_%m}"


def parts(month: int) -> Iterator[Part]:
    """Both tables of a month."""
    yield Part("inbound_message", month, str(months.first_inbound(month)), str(months.first_inbound(month + 1)))
    first, end = (f"'{months.first_outbound(each)}'" for each in (month, month + 1))
    yield Part("outbound_message", month, first, end)


def ensure(sessions: sessionmaker[Session], at: datetime) -> int:
    """Make what is missing of this month and the next AHEAD, and let this month's numbers begin. Returns how many
    tables were made. Each in a transaction of its own: what one cannot have now (somebody holds the table for longer
    than two seconds) does not keep the other table from its months, and is made the next time; the first such fault is
    raised at the end. A table that is held is asked for once: whoever comes to it waits behind us."""
    with transaction(sessions) as session:
        wanted = missing(session.connection(), at)
    made, faults = 0, dict[str, SQLAlchemyError]()
    for part in wanted:
        if part.parent in faults:
            continue
        try:
            with transaction(sessions) as session:
                made += _make(session.connection(), part)
        except SQLAlchemyError as fault:
            logger.warning("table not made", kind=part.name, error_type=type(fault).__name__)
            faults[part.parent] = fault
    with transaction(sessions) as session:
        _alone(session.connection())
        _begin(session.connection(), months.month_of(at))
    if faults:
        raise next(iter(faults.values()))
    return made


def missing(connection: Connection, at: datetime) -> list[Part]:
    """What is not there of this month and the next AHEAD, this month first."""
    there, month = set(connection.scalars(_THERE)), months.month_of(at)
    return [part for each in range(month, month + AHEAD + 1) for part in parts(each) if part.name not in there]


def _alone(connection: Connection) -> None:
    """One at a time; and nobody is held up for long by what waits for a lock on a whole table."""
    connection.execute(text("SET LOCAL lock_timeout = '2s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _make(connection: Connection, part: Part) -> bool:
    """What lies in the rest and belongs here is taken along. The rest is locked before it is looked at: what came into
    it between the moving and the attaching would forbid the attaching, and two locks one after the other may meet
    somebody's who goes the other way. Returns False when it is there already."""
    _alone(connection)
    if part.name in set(connection.scalars(_THERE)):
        return False
    rest = REST[part.parent]
    for statement in (
        f"LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE",
        f"CREATE TABLE {part.name} (LIKE {part.parent} INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING COMMENTS)",
        f"WITH moved AS (DELETE FROM {rest} WHERE id >= {part.first} AND id < {part.end} RETURNING *) "  # noqa: S608
        f"INSERT INTO {part.name} SELECT * FROM moved",
        f"ALTER TABLE {part.parent} ATTACH PARTITION {part.name} FOR VALUES FROM ({part.first}) TO ({part.end})",
    ):
        connection.execute(text(statement))
    logger.info("table made", kind=part.name)
    return True


def _begin(connection: Connection, month: int) -> None:
    """Numbers go on from this month's first one; never backwards."""
    last = connection.scalar(text("SELECT last_value FROM inbound_message_id_seq"))
    first = months.first_inbound(month)
    if last is not None and last < first:
        connection.execute(text("SELECT setval('inbound_message_id_seq', :first)"), {"first": first})


def over(connection: Connection, before: datetime) -> list[Part]:
    """The tables of months that ended before a moment, oldest first, those of messages out first."""
    there = set(connection.scalars(_THERE))
    past = range(months.month_of(before) - FAR, months.month_of(before))
    found = [part for month in past for part in parts(month) if part.name in there]
    return sorted(found, key=lambda part: (part.month, part.parent == "inbound_message"))


def drop(connection: Connection, part: Part) -> int:
    """Drop the table of a month; the few rows that must be kept go into the rest. Returns how many went. The caller
    commits."""
    _alone(connection)
    if part.name not in set(connection.scalars(_THERE)):
        return 0
    # What takes long is done first: from the detaching on, everybody waits.
    count = int(connection.scalar(text(f"SELECT count(*) FROM {part.name}")) or 0)  # noqa: S608 - our own names
    saved = connection.execute(
        text(f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT m.id FROM {part.name} AS m WHERE {_KEPT[part.parent]}")  # noqa: S608
    ).rowcount
    for statement in (
        f"ALTER TABLE {part.parent} DETACH PARTITION {part.name}",
        f"INSERT INTO {part.parent} SELECT m.* FROM {part.name} AS m JOIN kept USING (id)",  # noqa: S608
        f"DROP TABLE {part.name}",
        "DROP TABLE kept",
    ):
        connection.execute(text(statement))
    logger.info("table dropped", kind=part.name, count=count - saved)
    return count - saved


def is_part(name: str | None) -> bool:
    """Whether a table is only a part of another."""
    return bool(name and _NAME(name))
