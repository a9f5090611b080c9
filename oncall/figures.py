"""What the dashboard and /metrics say about the duty. Drills are kept out of every figure but their own."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from oncall import alarms

_FIGURES = text("""
SELECT
  (SELECT count(*) FROM page WHERE state IN ('queued', 'sending') AND NOT drill) AS pages_waiting,
  (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)
     FROM page WHERE state IN ('queued', 'sending') AND NOT drill) AS pages_oldest_s,
  (SELECT count(*) FROM page WHERE state = 'sent' AND NOT drill) AS pages_sent,
  (SELECT count(*) FROM page WHERE state = 'failed' AND NOT drill) AS pages_failed,
  (SELECT coalesce(sum(attempts - 1), 0) FROM page WHERE attempts > 1 AND NOT drill) AS pages_tried_again,
  (SELECT count(*) FROM "case"
     WHERE closed_at IS NULL AND state <> 'merged' AND due_at < now() - interval '60 s' AND NOT drill)
     AS cases_overdue_clock,
  (SELECT count(*) FROM "case" WHERE closed_at IS NULL AND state <> 'merged' AND due_at IS NULL) AS cases_without_clock,
  (SELECT coalesce(extract(epoch FROM now() - min(opened_at)), 0)
     FROM "case" WHERE state IN ('new', 'paged') AND closed_at IS NULL AND NOT drill) AS cases_untaken_oldest_s,
  (SELECT count(*) FROM "case" WHERE closed_at IS NULL AND drill AND state <> 'merged') AS drills_open
""")


def figures(session: Session) -> dict[str, float]:
    """Name -> value, each a gauge of what the database says now."""
    return {name: float(value) for name, value in session.execute(_FIGURES).mappings().one().items()}


def open_alarms(session: Session) -> dict[str, int]:
    """Open alarms by kind, the kinds without one as 0, so that a rule can be written before the first."""
    return dict.fromkeys(alarms.KINDS, 0) | alarms.counts(session)
