"""Watching the watch: each minute every open case is audited, the parts of the service looked at, duty phones tested
once a day. What is wrong becomes an alarm; the names of the faults are returned, and nothing when all is well."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import keys
from base.heartbeat import ages
from base.settings import OnCall
from messaging.models import Address, InboundMessage
from oncall import alarms, pages, rota, staff
from oncall.clocks import LEVELS
from oncall.models import Case, Page, Staff

LATE = timedelta(minutes=2)  # a clock that ended so long ago and was not acted on
UNSENT = timedelta(minutes=2)  # a page that has waited for so long
WAITING = timedelta(minutes=2)  # a message that nobody has read for so long: it may tell of harm
SILENT_S = 60.0
PARTS = ("worker", "sweeper", "engine")  # processes that must give signs of life
TEST_LEVELS = (1, 2)
LOCK = 7671979  # any fixed number: one watch at a time


def minute(session: Session, config: OnCall, now: datetime) -> list[str] | None:
    """Look at everything once. Returns the faults that stand, as codes; None when another engine is at it."""
    if not session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
        return None
    _duty_phones(session, config, now)
    _opted_out(session, now)
    _rota(session, config, now)
    faults = [*audit(session, now), *_parts(session)]
    if not any(staff.reachable(one) for one in rota.on_duty(session, now, 1)):
        faults.append("nobody on duty")
    faults += [f"alarm {kind}" for kind in alarms.counts(session) if kind != "gap"]
    return faults


def audit(session: Session, now: datetime) -> list[str]:
    """Whether every open case has a living clock, every page leaves, and every message is read."""
    open_ = (Case.closed_at.is_(None), Case.state != "merged")
    without = session.scalars(select(Case.id).where(*open_, Case.due_at.is_(None))).all()
    late = session.scalars(select(Case.id).where(*open_, Case.due_at < now - LATE)).all()
    stuck = session.scalars(
        select(Page.id).where(Page.state.in_(["queued", "sending"]), Page.created_at < now - UNSENT)
    ).all()
    unread = session.scalar(
        select(func.count())
        .select_from(InboundMessage)
        .where(InboundMessage.handled_at.is_(None), InboundMessage.received_at < now - WAITING)
    )
    _keep(session, "no_due", now, without)
    _keep(session, "late_engine", now, late)
    _keep(session, "unsent", now, stuck)
    return ["messages wait"] if unread else []


def _keep(session: Session, kind: str, now: datetime, ids: Sequence[uuid.UUID]) -> None:
    """One alarm of a kind for all that it is about, so that a flood of cases is no flood of pages."""
    alarms.keep(session, kind, now, {"": None} if ids else {})


def _parts(session: Session) -> list[str]:
    return [
        f"{name} is silent" for name, (age, _) in ages(session).items() if age > SILENT_S and name.split()[0] in PARTS
    ]


def _opted_out(session: Session, now: datetime) -> None:
    """A member of staff who texted STOP gets no page any more by that way: somebody must talk to them."""
    standing: dict[str, uuid.UUID | None] = {}
    for one in staff.active(session):
        if one.phone and staff.may_take(one):
            looked = [keys().lookup(channel, one.phone) for channel in ("sms", "whatsapp", "sim_sms", "sim_whatsapp")]
            out = select(Address.id).where(Address.lookup.in_(looked), Address.opted_out_at.is_not(None))
            if session.scalar(out.limit(1)):
                standing[str(one.id)] = one.id
    alarms.keep(session, "opted_out", now, standing)


def _rota(session: Session, config: OnCall, now: datetime) -> None:
    """Gaps weeks ahead, and an empty level now."""
    found = rota.gaps(session, now, now + config.look_ahead, config.languages)
    gaps = {f"{gap.kind} {gap.level} {gap.language or ''}".strip() for gap in found}
    alarms.keep(session, "gap", now, dict.fromkeys(sorted(gaps)))
    for level in range(1, LEVELS + 1):
        if any(staff.reachable(one) for one in rota.on_duty(session, now, level)):
            alarms.clear(session, "nobody", now, subject=f"level {level}")


def _duty_phones(session: Session, config: OnCall, now: datetime) -> None:
    """Once a day a test page to each phone on duty, with an answer expected."""
    local = now.astimezone(DOMINICA)
    begins = datetime.combine(local.date(), time.fromisoformat(config.test_at), DOMINICA)
    if now >= begins:
        for level in TEST_LEVELS:
            for one in rota.on_duty(session, now, level):
                if staff.reachable(one) and not _tested_since(session, one, begins):
                    test_page(session, one, now)
    _untested(session, config, now)


def test_page(session: Session, one: Staff, now: datetime) -> bool:
    """A test page to somebody's phone; False when the phone is not confirmed, so that no page may go there."""
    return bool(pages.write(session, [one], "test", now, code=_test_code(session)))


def last_tests(session: Session) -> dict[uuid.UUID, Page]:
    """The newest test page of each person."""
    newest = select(func.max(Page.position)).where(Page.kind == "test").group_by(Page.staff_id)
    return {page.staff_id: page for page in session.scalars(select(Page).where(Page.position.in_(newest)))}


def _tested_since(session: Session, one: Staff, begins: datetime) -> bool:
    """Whether this phone had its test page, or was confirmed, after the hour of today's test."""
    if one.phone_verified_at and one.phone_verified_at >= begins:
        return True
    query = select(Page.id).where(Page.staff_id == one.id, Page.kind == "test", Page.created_at >= begins)
    return session.scalar(query.limit(1)) is not None


def _untested(session: Session, config: OnCall, now: datetime) -> None:
    """Those whose newest test page is still without an answer after its time."""
    newest = select(func.max(Page.position)).where(Page.kind == "test").group_by(Page.staff_id).scalar_subquery()
    silent = session.scalars(
        select(Page.staff_id)
        .join(Staff, Staff.id == Page.staff_id)
        .where(Page.position.in_(newest), Page.answered_at.is_(None), Page.created_at <= now - config.test_answer)
        .where(Staff.disabled_at.is_(None))
    ).all()
    alarms.keep(session, "untested", now, {str(staff_id): staff_id for staff_id in silent})


def _test_code(session: Session) -> str:
    """A code that no open case and no waiting test page has."""
    taken = set(session.scalars(select(Case.code).where(Case.closed_at.is_(None))))
    taken |= set(session.scalars(select(Page.code).where(Page.kind == "test", Page.answered_at.is_(None))))
    while (code := str(secrets.randbelow(9000) + 1000)) in taken:
        pass
    return code
