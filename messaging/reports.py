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

_LAZY = text("SET LOCAL synchronous_commit = off")
_LOCK = text("""
SELECT id, state, external_id, delivery_rank FROM outbound_message
WHERE id = ANY (cast(:ids AS uuid[])) ORDER BY id FOR UPDATE
""")
_ADVANCE = text("""
UPDATE outbound_message AS o
SET delivery = n.status, delivery_rank = n.rank, external_id = coalesce(o.external_id, n.sid)
FROM unnest(cast(:ids AS uuid[]), cast(:sids AS text[]), cast(:statuses AS text[]), cast(:ranks AS int[]))
  AS n (id, sid, status, rank)
WHERE o.id = n.id AND n.rank > o.delivery_rank
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
    if not any(DELIVERY_RANK.get(report.status) == FAILED for report in reports):
        session.execute(_LAZY)
    known = {row.id: row for row in session.execute(_LOCK, {"ids": [report.outbound_id for report in reports]})}
    progress: dict[uuid.UUID, Report] = {}
    others: list[Report] = []
    for report in reports:
        row = known.get(report.outbound_id)
        if row is None or report.status not in DELIVERY_RANK:
            continue
        if not _plain(row, report):
            others.append(report)
        elif _rank(report) > max(row.delivery_rank, _rank(progress.get(row.id))):
            progress[row.id] = report
    _advance(session, list(progress.values()))
    for report in others:
        _one(session, report, rules)


def _rank(report: Report | None) -> int:
    return DELIVERY_RANK[report.status] if report else -1


def _plain(row: Row[Any], report: Report) -> bool:
    """A message that was taken, on its way and without trouble."""
    same = row.external_id is None or row.external_id == report.external_id
    return bool(row.state == "accepted" and same and _rank(report) != FAILED and not report.code)


def _advance(session: Session, reports: Sequence[Report]) -> None:
    if reports:
        session.execute(
            _ADVANCE,
            {
                "ids": [report.outbound_id for report in reports],
                "sids": [report.external_id for report in reports],
                "statuses": [report.status for report in reports],
                "ranks": [_rank(report) for report in reports],
            },
        )


def _one(session: Session, report: Report, rules: Outbox) -> None:
    news = outbox.report(session, report.outbound_id, report.status, external_id=report.external_id, code=report.code)
    if news and _rank(report) == FAILED:
        delivery_failed(session, report.outbound_id, report.code, rules)
