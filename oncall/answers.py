"""Answering a page by text: `A 4821` take it, `P 4821` pass it on, `? 4821` who has it. Only from a confirmed phone of
staff; from anybody else it is an ordinary message."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from oncall import alarms, handling, staff
from oncall.handling import Answer
from oncall.models import Case, Page, Staff

# The channels by which staff is known by phone. On WhatsApp an address may hide the number: then it is nobody's.
REAL, SIMULATED = ("sms", "whatsapp", "gateway"), ("sim_sms", "sim_whatsapp")
NOT_PAGED = -1  # somebody who was not paged passes on nothing but their own case
_COMMAND = re.compile(r"""\s*["'(]?\s*([aApP?])\s*[:.#=-]?\s*([0-9]{4,6})\s*["')?.!]*\s*""")
_BARE = re.compile(r"""\s*["'(]?\s*([aApP?])\s*["').!]*\s*""")


@dataclass(frozen=True)
class Command:
    """What somebody asks; `code` is empty when they mean the one page they have."""

    verb: Literal["A", "P", "?"]
    code: str


@dataclass(frozen=True)
class Answered:
    """What to tell them: an answer about a case, or `tested` for a test page, in their language."""

    staff: Staff
    answer: Answer | None

    @property
    def tested(self) -> bool:
        return self.answer is None


def command(text: str | None) -> Command | None:
    """A message that is a command and nothing else; None otherwise."""
    match = _COMMAND.fullmatch(text or "") or _BARE.fullmatch(text or "")
    if not match:
        return None
    verb: Literal["A", "P", "?"] = "?" if match[1] == "?" else "A" if match[1] in "aA" else "P"
    return Command(verb, match[2] if match.re is _COMMAND else "")


def sender(session: Session, channel: str, address: str, *, simulated: bool) -> Staff | None:
    """Whose confirmed phone this is, of an account in use. `simulated`: the browser's phones count (nobody real is
    behind the service); else anybody could type an officer's number there."""
    if channel not in REAL and not (simulated and channel in SIMULATED):
        return None
    found = staff.by_phone(session, address)
    return found if found and staff.reachable(found) else None


def answer(session: Session, who: Staff, asked: Command, now: datetime) -> Answered | None:
    """Carry a command out. None: there is no page that could be meant, so it is an ordinary message."""
    code = asked.code or _only_code(session, who)
    if not code:
        return None
    test = _test_page(session, who, code)
    if test and asked.verb == "A":
        return _tested(session, who, test, now)
    case, page = handling.by_code(session, code, who.id)
    if case is None or not (page or staff.may_take(who)):
        return Answered(who, Answer("unknown", code))
    if asked.verb == "A":
        done = handling.acknowledge(session, case.id, who.id, now)
    elif asked.verb == "P":
        done = handling.pass_on(session, case.id, who.id, now, round=page.round if page else NOT_PAGED)
    else:
        done = handling.who_has(session, case)
    mark(session, who, code, asked.verb, now)
    return Answered(who, done)


def _only_code(session: Session, who: Staff) -> str:
    """The code of the one page that is open for somebody; nothing when there are several."""
    meant = or_(and_(Page.kind == "case", Case.state.in_(["new", "paged"])), Page.kind == "test")
    open_ = session.scalars(
        select(Page.code)
        .distinct()
        .outerjoin(Case, Case.id == Page.case_id)
        .where(Page.staff_id == who.id, Page.answered_at.is_(None), Page.state.in_(["sending", "sent"]), meant)
    ).all()
    return open_[0] if len(open_) == 1 else ""


def _test_page(session: Session, who: Staff, code: str) -> Page | None:
    query = select(Page).where(Page.staff_id == who.id, Page.code == code, Page.kind == "test")
    return session.scalar(query.where(Page.answered_at.is_(None)).order_by(Page.position.desc()).limit(1))


def _tested(session: Session, who: Staff, page: Page, now: datetime) -> Answered:
    page.answer, page.answered_at = "test", now
    who.phone_tested_at = now
    alarms.clear(session, "untested", now, subject=str(who.id))
    session.flush()
    return Answered(who, None)


def mark(session: Session, who: Staff, code: str, verb: str, now: datetime) -> None:
    """Note on somebody's pages with this code that they were answered."""
    if verb != "?":
        session.execute(
            update(Page)
            .where(Page.staff_id == who.id, Page.code == code, Page.kind == "case", Page.answered_at.is_(None))
            .values(answer="take" if verb == "A" else "pass", answered_at=now)
        )
