"""Pages as rows: written with the step that needs them, claimed before they are sent, their outcome recorded.

A page whose outcome is unknown (the sender died, the carrier did not answer) is sent again while it is still wanted: a
page twice costs a text, a page never can cost a life. Which is still wanted is settled by the row's own lock: taking a
case cancels its queued pages, and a cancelled page cannot be claimed.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, text, update
from sqlalchemy import case as sql_case
from sqlalchemy.orm import Session

from messaging.outbox import DELIVERED, DELIVERY_RANK, FAILED
from oncall.models import Case, Page, Staff
from oncall.staff import reachable

CALLS = {"queued": 0, "initiated": 0, "ringing": 1, "in-progress": 2, "busy": 3, "no-answer": 3, "completed": 4}
ALIVE = ("queued", "sending", "sent")
BY_TEMPLATE = ("case", "test")  # what the WhatsApp template has words for: "text A and the code to take it"
_RANK = {"critical": 0, "high": 1, "standard": 2}
# Written out: engines ask it four times a second, mostly for nothing.
_FIRST_DUE = text("""
SELECT least((SELECT min(due_at) FROM page WHERE state = 'queued'),
             (SELECT min(claim_until) FROM page WHERE state = 'sending'))
""")


@dataclass(frozen=True)
class Paging:
    """A claimed page with what is needed to send it. Its representation shows no number."""

    id: uuid.UUID
    staff_id: uuid.UUID
    case_id: uuid.UUID | None
    channel: str
    phone: str
    language: str
    kind: str
    code: str
    severity: str | None
    drill: bool
    attempts: int
    created_at: datetime

    def __repr__(self) -> str:
        return f"Paging(id={self.id}, channel={self.channel!r}, kind={self.kind!r})"


def write(
    session: Session, people: Iterable[Staff], kind: str, now: datetime, *, case: Case | None = None,
    call: bool = False, code: str = "",
) -> list[Page]:  # fmt: skip
    """One page to each of these who can be reached, by their first way that has words for it; with `call` a telephone
    call too. Older queued
    pages of the same kind about the same case to the same people are replaced. The caller holds the case's lock."""
    found = [staff for staff in people if reachable(staff)]
    if case:
        cancel(session, case.id, kinds=(kind,), staff_ids=[staff.id for staff in found])
    ways = [(staff, way) for staff in found for way in (_ways(staff, kind)[0], *(["voice"] if call else []))]
    pages = [_page(staff.id, way, kind, now, case, code) for staff, way in ways]
    session.add_all(pages)
    session.flush()
    return pages


def _ways(staff: Staff, kind: str) -> list[str]:
    """By what somebody is paged, the first way first. What the template has no words for goes by text alone."""
    return list(staff.page_by or ["sms"]) if kind in BY_TEMPLATE else ["sms"]


def _page(staff_id: uuid.UUID, channel: str, kind: str, now: datetime, case: Case | None, code: str) -> Page:
    about: dict[str, Any] = {"code": code}
    if case:
        about = {
            "case_id": case.id, "code": case.code, "severity": case.severity, "drill": case.drill,
            "level": case.level, "round": case.round,
        }  # fmt: skip
    return Page(staff_id=staff_id, channel=channel, kind=kind, created_at=now, due_at=now, **about)


def cancel(
    session: Session, case_id: uuid.UUID, *, kinds: Sequence[str] | None = None,
    staff_ids: Sequence[uuid.UUID] | None = None,
) -> int:  # fmt: skip
    """Queued pages of a case are not sent any more. Returns how many."""
    query = update(Page).where(Page.case_id == case_id, Page.state == "queued")
    if kinds is not None:
        query = query.where(Page.kind.in_(kinds))
    if staff_ids is not None:
        query = query.where(Page.staff_id.in_(staff_ids))
    return len(session.scalars(query.values(state="cancelled").returning(Page.id)).all())


def first_due(session: Session) -> datetime | None:
    """When the next page is to leave, or the next claim ends; None when neither is to come."""
    found: datetime | None = session.scalar(_FIRST_DUE)
    return found


def claim(session: Session, now: datetime, *, hold: timedelta, limit: int = 50) -> list[Paging]:
    """Take what is due, the worst first; the caller commits, then sends. What came back from a sender that died, and
    is not wanted any more, is cancelled; somebody who cannot be paged any more is not paged."""
    worst = sql_case(_RANK, value=Page.severity, else_=3)
    taken = and_(Page.kind == "case", or_(Case.owner_id.is_not(None), Case.closed_at.is_not(None)))
    rows = session.execute(
        select(Page, Staff, taken.label("taken"))
        .join(Staff, Staff.id == Page.staff_id)
        .outerjoin(Case, Case.id == Page.case_id)
        .where(Page.state == "queued", Page.due_at <= now)
        .order_by(worst, Page.position)
        .limit(limit)
        .with_for_update(of=Page, skip_locked=True)
    ).all()
    for page, staff, over in rows:
        page.state = "cancelled" if over else "sending" if page.phone or reachable(staff) else "failed"
        if page.state != "sending":
            page.phone = None  # it goes nowhere any more
        else:
            page.claimed_at, page.claim_until = now, now + hold
            page.attempts += 1
    session.flush()
    return [paging(page, staff) for page, staff, _ in rows if page.state == "sending"]


def paging(page: Page, staff: Staff) -> Paging:
    """A page with what is needed to put it into words and to send it."""
    language = staff.languages[0] if staff.languages else "en"
    return Paging(
        page.id, page.staff_id, page.case_id, page.channel, page.phone or staff.phone or "", language, page.kind,
        page.code, page.severity, page.drill, page.attempts, page.created_at,
    )  # fmt: skip


def expire(session: Session, now: datetime) -> int:
    """Claims whose time is over go back to be sent. Returns how many."""
    over = (
        select(Page.id).where(Page.state == "sending", Page.claim_until < now).with_for_update(skip_locked=True)
    ).scalar_subquery()
    query = update(Page).where(Page.id.in_(over)).values(state="queued", due_at=now, claim_until=None)
    return len(session.scalars(query.returning(Page.id)).all())


def sent(session: Session, page_id: uuid.UUID, external_id: str, now: datetime) -> None:
    """The carrier has it. True whatever became of the claim meanwhile: it must not be sent again."""
    session.execute(
        update(Page)
        .where(Page.id == page_id, Page.state.in_(["sending", "queued", "cancelled"]))
        .values(state="sent", sent_at=now, external_id=external_id, claim_until=None, phone=None)
    )


def again(session: Session, paging: Paging, at: datetime, code: int) -> None:
    """The carrier could not take it: tried again at `at`, unless somebody else has it by now."""
    session.execute(
        update(Page)
        .where(Page.id == paging.id, Page.state == "sending", Page.attempts == paging.attempts)
        .values(state="queued", due_at=at, claim_until=None, error_code=code)
    )


def failed(session: Session, paging: Paging, now: datetime, code: int) -> None:
    """It will never arrive this way: the person's next way is used at once, and when nobody of the level is left who
    could be reached, the next level is paged at once."""
    case = _lock(session, paging.case_id)
    page = session.get_one(Page, paging.id, with_for_update=True, populate_existing=True)
    if page.state not in {"sending", "sent"} or page.attempts != paging.attempts:
        return
    page.state, page.error_code, page.claim_until, page.phone = "failed", code, None, None
    session.flush()
    _another_way(session, case, page, now)


def _lock(session: Session, case_id: uuid.UUID | None) -> Case | None:
    query = select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    return session.scalar(query) if case_id else None


def _another_way(session: Session, case: Case | None, page: Page, now: datetime) -> None:
    wanted = case is None or page.kind != "case" or (case.state == "paged" and case.round == page.round)
    staff = session.get_one(Staff, page.staff_id)
    ways = [*_ways(staff, page.kind), *(["voice"] if page.kind == "case" else [])]
    used = set(session.scalars(_same(page, Page.channel).where(Page.staff_id == page.staff_id)))
    rest = [way for way in ways if way not in used]
    if rest and wanted and reachable(staff):
        session.add(_page(staff.id, rest[0], page.kind, now, case, page.code))
    elif case and wanted and page.kind == "case" and not _anybody(session, page):
        case.page_due_at = now


def _same(page: Page, what: Any) -> Any:
    """The pages of one round."""
    return select(what).where(
        Page.case_id == page.case_id, Page.kind == page.kind, Page.code == page.code, Page.round == page.round
    )


def _anybody(session: Session, page: Page) -> bool:
    return bool(session.scalar(_same(page, func.count()).where(Page.state.in_(ALIVE))))


def report(session: Session, page_id: uuid.UUID, status: str, now: datetime, *, code: int = 0) -> None:
    """A carrier's report about a page, by rising rank. One that says it never arrived has the effect of `failed`."""
    page = session.get(Page, page_id)
    ranks = CALLS if page and page.channel == "voice" else DELIVERY_RANK
    rank = ranks.get(status)
    if page is None or rank is None:
        return
    case = _lock(session, page.case_id)
    page = session.get_one(Page, page_id, with_for_update=True, populate_existing=True)
    if rank <= page.delivery_rank:
        return
    page.delivery, page.delivery_rank, page.error_code = status, rank, code or page.error_code
    if page.channel != "voice" and rank == FAILED and page.state == "sent":
        page.state = "failed"
        session.flush()
        _another_way(session, case, page, now)
    elif rank >= DELIVERED and page.state in {"failed", "queued"}:
        page.state = "sent"
