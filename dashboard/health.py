"""How the service is, for administrators: the parts that /readyz names, queues, signs of life, alarms, and messages
that did not leave. Codes and times only, never words or addresses."""

import uuid
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.errors import Refused
from base.heartbeat import ages
from dashboard.permissions import needs
from dashboard.web import audited, opened, site
from dashboard.words import _
from messaging import queues, replay
from messaging.spool import Spool
from oncall.models import Alarm, Staff
from webhooks import health as ready

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
@needs("see the service's health")
def page() -> str:
    here = site()
    parts, counts, open_cases, _raised = ready.database(here.sessions)
    parts |= ready.around(here.settings, Spool(here.settings.spool))
    with opened() as (session, now):
        beats = ages(session)
        return render_template(
            "health/page.html", at=now, counts=counts, open_cases=open_cases, alarms=_alarms(session),
            waits=[(name, age, queues.level(name, age)) for name, age in queues.ages(session).items()],
            parts={name: said for name, said in parts.items() if name not in beats}, lanes=replay.depths(session),
            beats=sorted((name, age, parts.get(name, "ok")) for name, (age, _note) in beats.items()),
            stuck=replay.stuck(session, now), hours=int(replay.LATEST.total_seconds() // 3600),
            simulator=f"{here.settings.public_base_url}/simulator" if here.settings.simulator else "",
        )  # fmt: skip


def _alarms(session: Session) -> list[tuple[str, str, datetime]]:
    """Open alarms: kind, whose or what, since when; the newest first."""
    rows = session.execute(
        select(Alarm, Staff).outerjoin(Staff, Staff.id == Alarm.staff_id).where(Alarm.cleared_at.is_(None))
    ).all()
    found = [(alarm.kind, who.name if who else alarm.subject, alarm.raised_at) for alarm, who in rows]
    return sorted(found, key=lambda one: one[2], reverse=True)


@blueprint.post("/health/replay/<uuid:outbound_id>")
@needs("replay")
def again(outbound_id: uuid.UUID) -> Answer:
    """Send a failed message again, where the carrier surely has nothing of it."""
    with opened() as (session, now):
        if not replay.again(session, outbound_id, now):
            raise Refused("this message cannot be sent again by a click: it left, is too old, or the talk has gone on")
        audited(session, "message sent again", now, f"outbound:{outbound_id}")
    site().bell.ring("send")
    flash(_("It is put back to be sent."))
    return redirect(url_for("health.page"), 303)
