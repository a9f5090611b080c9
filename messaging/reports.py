"""Delivery reports, many at a time: what the carrier says became of messages it took."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from base.settings import Outbox
from messaging import outbox
from messaging.outbox import DELIVERY_RANK, FAILED
from messaging.sender import delivery_failed

# Locks the messages told of and moves on those that are on their way without trouble, in one statement; returns all of
# them as they were. `lazy`: the commit does not wait for the disk.
_NOTE = text("""
WITH told AS (
  SELECT DISTINCT ON (id) * FROM unnest(cast(:plain AS uuid[]), cast(:sids AS text[]), cast(:statuses AS text[]),
                                        cast(:ranks AS smallint[])) AS t (id, sid, status, rank)
  ORDER BY id, rank DESC
), locked AS (
  SELECT id, state, external_id, delivery_rank FROM outbound_message
  WHERE id = ANY (cast(:ids AS uuid[])) ORDER BY id FOR UPDATE
), advanced AS (
  UPDATE outbound_message AS o
  SET delivery = told.status, delivery_rank = told.rank, external_id = coalesce(o.external_id, told.sid)
  FROM told JOIN locked USING (id)
  WHERE o.id = told.id AND locked.state = 'accepted' AND told.rank > locked.delivery_rank
    AND (locked.external_id IS NULL OR locked.external_id = told.sid)
)
SELECT locked.* FROM locked,
  set_config('synchronous_commit', CASE WHEN :lazy THEN 'off' ELSE current_setting('synchronous_commit') END, true)
""")


@dataclass(frozen=True)
class Report:
    """`outbound_id` is ours, `external_id` the carrier's; `code` is 0 when nothing went wrong."""

    outbound_id: uuid.UUID
    status: str
    external_id: str | None
    code: int


def note(session: Session, reports: Sequence[Report], rules: Outbox) -> None:
    """Write reports down. The caller commits.

    Only failures wait for the disk: they decide whether something is sent again. A delivery that a power cut takes
    back would have changed nothing but a figure.
    """
    smooth = [report for report in reports if _smooth(report)]
    told = {
        "plain": [report.outbound_id for report in smooth],
        "sids": [report.external_id for report in smooth],
        "statuses": [report.status for report in smooth],
        "ranks": [_rank(report) for report in smooth],
        "ids": [report.outbound_id for report in reports],
        "lazy": not any(_rank(report) == FAILED for report in reports),
    }
    known = {row.id: row for row in session.connection().execute(_NOTE, told)}
    for report in reports:
        row = known.get(report.outbound_id)
        if row and _rank(report) >= 0 and not (_smooth(report) and _plain(row, report)):
            _one(session, report, rules)


def _rank(report: Report) -> int:
    return DELIVERY_RANK.get(report.status, -1)


def _smooth(report: Report) -> bool:
    """A report that tells of no trouble."""
    return _rank(report) not in {FAILED, -1} and not report.code


def _plain(row: Row[Any], report: Report) -> bool:
    """A message that was taken and is on its way, told of by the carrier's id that we know: as in _NOTE."""
    return bool(row.state == "accepted" and (row.external_id is None or row.external_id == report.external_id))


def _one(session: Session, report: Report, rules: Outbox) -> None:
    news = outbox.report(session, report.outbound_id, report.status, external_id=report.external_id, code=report.code)
    if news and _rank(report) == FAILED:
        delivery_failed(session, report.outbound_id, report.code, rules)
