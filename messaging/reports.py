"""Delivery reports, many at a time: what the carrier says became of messages it took."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from base.settings import Outbox
from messaging import outbox
from messaging.outbox import DELIVERY_RANK, FAILED
from messaging.sender import delivery_failed

_LAZY = text("SET LOCAL synchronous_commit = off")


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
    failures = [report for report in reports if DELIVERY_RANK.get(report.status) == FAILED]
    if not failures:
        session.execute(_LAZY)
    for report in sorted(reports, key=lambda report: report.outbound_id):  # one order of locks for everybody
        news = outbox.report(
            session, report.outbound_id, report.status, external_id=report.external_id, code=report.code
        )
        if news and DELIVERY_RANK.get(report.status) == FAILED:
            delivery_failed(session, report.outbound_id, report.code, rules)
