"""Retention: erases words when their time is over, and rows some time after. Settings: `retention` in config.yml.

Words of a conversation without a case go after `ordinary`. Those of a conversation with a case stay while it is open
and `case` after it was closed; then they go too, with what the case's events, procedures and referrals say. An example
for the model that a second person refused goes `ordinary` later. Rows without words (times, states) and the counts of
searches go after `log`, but for those of cases: messages by the whole month, whose table is dropped when its last day
is so long ago. Addresses and opt-outs stay.
In batches of a moment each, so that the service goes on; may be interrupted anywhere and repeated.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import database_now, transaction
from base.settings import Retention
from koudmen import partitions

BATCH = 1000
SEEN_DAYS = 40  # no carrier brings an older message again
logger = log.get(__name__)
_KEPT = """EXISTS (SELECT 1 FROM "case" AS k WHERE k.conversation_id = {row}.conversation_id
  AND (k.closed_at IS NULL OR k.closed_at > now() - cast(:case AS interval)))"""
_OVER = """EXISTS (SELECT 1 FROM "case" AS k WHERE k.id = {row}.case_id
  AND k.closed_at < now() - cast(:case AS interval))"""
_FREE = """ AND NOT EXISTS (SELECT 1 FROM outbound_message AS o WHERE o.inbound_id = i.id)
  AND NOT EXISTS (SELECT 1 FROM unread_message AS u WHERE u.inbound_id = i.id)"""
_CASE = 'EXISTS (SELECT 1 FROM "case" AS k WHERE k.conversation_id = {row}.conversation_id)'
_OLD_SYNTHETIC = "now() - interval '1 day'"


class Step(NamedTuple):
    """`change` is done to the rows of `table`, called `row`, where `where` holds."""

    change: str
    table: str
    row: str
    where: str

    def statement(self) -> TextClause:
        """One batch; rows that the service holds are left for the next purge."""
        key = "id" if self.table in partitions.REST else "ctid"  # which the tables of several months may share
        rows = f"SELECT {self.row}.{key} FROM {self.table} AS {self.row} WHERE {self.where}"  # noqa: S608 - our own words
        return text(f"{self.change} WHERE {key} = ANY (ARRAY({rows} LIMIT :batch FOR UPDATE SKIP LOCKED))")


def _gone(table: str, row: str, at: str) -> Step:
    """Rows without words whose time is over, where no month's table can be dropped."""
    over = f"{row}.body IS NULL AND {at} < now() - cast(:log AS interval) AND NOT " + _CASE.format(row=row)
    return Step(f"DELETE FROM {table}", table, row, over + (_FREE if row == "i" else ""))  # noqa: S608 - our own words


STEPS: Mapping[str, Step] = {
    "words in": Step(
        "UPDATE inbound_message SET body = NULL, extra = NULL, reading = NULL",
        "inbound_message",
        "i",
        "(i.body IS NOT NULL OR i.extra IS NOT NULL OR i.reading IS NOT NULL) AND i.handled_at IS NOT NULL "
        "AND i.received_at < now() - cast(:ordinary AS interval) AND NOT " + _KEPT.format(row="i"),
    ),
    "words out": Step(
        "UPDATE outbound_message SET body = NULL",
        "outbound_message",
        "o",
        "o.body IS NOT NULL AND o.state IN ('accepted', 'failed', 'held', 'window', 'dropped') "
        "AND o.created_at < now() - cast(:ordinary AS interval) AND NOT " + _KEPT.format(row="o"),
    ),
    "memories": Step(
        "UPDATE conversation SET state = NULL, pace = NULL",
        "conversation",
        "c",
        "(c.state IS NOT NULL OR c.pace IS NOT NULL) AND c.last_inbound_at < now() - cast(:ordinary AS interval) "
        "AND NOT " + _KEPT.format(row="c").replace("c.conversation_id", "c.id"),
    ),
    "details of cases": Step(
        "UPDATE case_event SET detail = NULL",
        "case_event",
        "e",
        f"e.detail IS NOT NULL AND {_OVER.format(row='e')}",
    ),
    "notes of procedures": Step(
        "UPDATE checklist_step SET note = NULL",
        "checklist_step",
        "s",
        f"s.note IS NOT NULL AND {_OVER.format(row='s')}",
    ),
    "notes of referrals": Step(
        "UPDATE referral SET note = NULL", "referral", "r", f"r.note IS NOT NULL AND {_OVER.format(row='r')}"
    ),
    "looks at cases": Step("DELETE FROM case_viewer", "case_viewer", "v", "v.seen_at < now() - cast(:log AS interval)"),
    "refused examples": Step(
        "DELETE FROM learning_example",
        "learning_example",
        "x",
        "x.state = 'rejected' AND x.reviewed_at < now() - cast(:ordinary AS interval)",
    ),
    "unread": Step(
        "DELETE FROM unread_message",
        "unread_message",
        "u",
        "EXISTS (SELECT 1 FROM inbound_message AS i WHERE i.id = u.inbound_id AND i.body IS NULL "
        "AND i.received_at < now() - cast(:log AS interval))",
    ),
    "replies": _gone("outbound_message_rest", "o", "o.created_at"),
    "messages": _gone("inbound_message_rest", "i", "i.handled_at IS NOT NULL AND i.received_at"),
    "messages before months": _gone("inbound_message_before", "i", "i.handled_at IS NOT NULL AND i.received_at"),
    "read again": Step("DELETE FROM read_again", "read_again", "w", "w.at < now() - cast(:ordinary AS interval)"),
    "carriers' ids": Step(
        "DELETE FROM inbound_seen", "inbound_seen", "z", f"z.at < now() - interval '{SEEN_DAYS} days'"
    ),
    "demand": Step("DELETE FROM demand", "demand", "d", "d.day < current_date - cast(:log AS interval)"),
    "given out": Step("DELETE FROM given_out", "given_out", "g", "g.day < current_date - cast(:log AS interval)"),
    "synthetic replies": Step(
        "DELETE FROM outbound_message",
        "outbound_message",
        "o",
        f"o.channel = 'synthetic' AND o.created_at < {_OLD_SYNTHETIC}",
    ),
    "synthetic messages": Step(
        "DELETE FROM inbound_message",
        "inbound_message",
        "i",
        f"i.provider = 'synthetic' AND i.received_at < {_OLD_SYNTHETIC}" + _FREE,
    ),
}


def purge(sessions: sessionmaker[Session], rules: Retention) -> dict[str, int]:
    """Erase what is over. Returns how many rows of each kind."""
    times: dict[str, timedelta | int] = {
        "ordinary": rules.ordinary, "case": rules.case, "log": rules.log, "batch": BATCH,
    }  # fmt: skip
    done = {name: _all(sessions, step.statement(), times) for name, step in STEPS.items()}
    done["months"] = _months(sessions, rules.log)
    for name, count in done.items():
        if count:
            logger.info("purged", kind=name, count=count)
    return done


def _months(sessions: sessionmaker[Session], log_for: timedelta) -> int:
    """Whole tables of months that ended so long ago."""
    with transaction(sessions) as session:
        over = partitions.over(session.connection(), database_now(session) - log_for)
    done = 0
    for part in over:
        with transaction(sessions) as session:
            done += partitions.drop(session.connection(), part)
    return done


def _all(sessions: sessionmaker[Session], statement: TextClause, times: Mapping[str, timedelta | int]) -> int:
    done = 0
    used = {name: value for name, value in times.items() if f":{name}" in statement.text}
    while True:
        with transaction(sessions) as session:
            result = session.execute(statement, used)
            count = result.rowcount if isinstance(result, CursorResult) else 0
        done += count
        if count < BATCH:
            return done
