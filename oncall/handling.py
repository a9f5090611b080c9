"""What people do with a case: take it, pass it on, answer, close, merge. Each function locks the case, writes state,
clocks, pages and log in the caller's transaction, and says in an `Answer` what became of it."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from messaging.models import Conversation
from oncall import clocks, notices, pages, staff
from oncall.cases import event, locked
from oncall.models import Case, CaseEvent, Page, Staff
from oncall.models.case import OUTCOMES
from oncall.policy import contact_clocks, page_clocks, rules_of, stop_clocks, take_clocks

Kind = Literal[
    "taken", "yours", "held", "closed", "unknown", "passed", "late", "free", "may_not", "engaged", "closing", "merged"
]


@dataclass(frozen=True)
class Answer:
    """What became of it. `held`: `owner` has it since `since`. `closing`: it waits for a supervisor's approval."""

    kind: Kind
    code: str = ""
    owner: str = ""
    since: datetime | None = None
    case_id: uuid.UUID | None = None


def acknowledge(
    session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, now: datetime, *, over: bool = False
) -> Answer:
    """Take a case. `over`: a supervisor takes it although somebody has it."""
    case, who = locked(session, case_id), staff.get(session, staff_id)
    if not staff.may_take(who):
        return _answer(session, "may_not", case)
    if case.closed_at:
        return _answer(session, "closed", case)
    if case.owner_id == who.id:
        return _answer(session, "yours", case)
    if case.owner_id and not (over and staff.may_approve(who)):
        return _answer(session, "held", case)
    _give(session, case, who, now, "acknowledged")
    return _answer(session, "taken", case)


def _give(session: Session, case: Case, who: Staff, now: datetime, kind: str) -> None:
    """It is this person's from now on. One who takes over an engaged case goes on from there."""
    case.owner_id, case.acknowledged_at = who.id, now
    case.closing_by_id = case.outcome = None
    if case.state != "engaged":
        case.state = "acknowledged"
        take_clocks(case, now)
    pages.cancel(session, case.id)
    event(session, case, kind, now, staff_id=who.id, level=case.level)
    session.flush()


def pass_on(
    session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, now: datetime,
    *, to: uuid.UUID | None = None, round: int | None = None,
) -> Answer:  # fmt: skip
    """Pass a case on: to the next level, or to a person, who is paged. `round`: only if nobody has been paged since
    (an answer to an old page skips nobody). Whoever has it gives it up by this."""
    case, who = locked(session, case_id), staff.get(session, staff_id)
    if case.closed_at:
        return _answer(session, "closed", case)
    if case.owner_id and case.owner_id != who.id:
        return _answer(session, "held", case)
    if not staff.may_take(who):
        return _answer(session, "may_not", case)
    if round is not None and case.owner_id is None and case.round != round:
        return _answer(session, "late", case)
    _release(case, now)
    event(session, case, "passed", now, staff_id=who.id, level=case.level)
    if to:
        _page_one(session, case, staff.get(session, to), now)
    session.flush()
    return _answer(session, "passed", case)


def _release(case: Case, now: datetime) -> None:
    """It is nobody's, and the next level is due now."""
    case.state, case.owner_id, case.acknowledged_at = "paged", None, None
    case.next_level = clocks.after(case.level) if case.level else 1
    case.closing_by_id = case.outcome = None
    page_clocks(case, now)


def _page_one(session: Session, case: Case, to: Staff, now: datetime) -> None:
    if not (staff.may_take(to) and staff.reachable(to)):
        raise Refused("this person cannot be paged, or may not take a case")
    rules = rules_of(case)
    case.round += 1
    case.paged_at = now
    if rules:
        case.page_due_at = rules.next_page(1, now)
    call = bool(rules and rules.rule.call)
    pages.write(session, [to], "case", now, case=case, call=call)


def contacted(
    session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, now: datetime, *, how: str = "message"
) -> Answer:
    """A person wrote to or called the texter (`how`: message, call, visit). The case is theirs and engaged from now."""
    case, who = _with_conversations(session, case_id), staff.get(session, staff_id)
    if case.closed_at:
        return _answer(session, "closed", case)
    if case.owner_id and case.owner_id != who.id:
        return _answer(session, "held", case)
    if not staff.may_take(who):
        return _answer(session, "may_not", case)
    if case.owner_id is None:
        _give(session, case, who, now, "acknowledged")
    first = case.engaged_at is None or case.state != "engaged"
    case.state, case.contact_at = "engaged", now
    case.engaged_at = case.engaged_at or now
    contact_clocks(case, now)
    _owner_of_conversation(session, case, "staff")
    event(session, case, "engaged" if first else "contact", now, staff_id=who.id, detail={"how": how})
    session.flush()
    return _answer(session, "engaged", case)


def _with_conversations(session: Session, case_id: uuid.UUID) -> Case:
    """The case, locked after its conversations, as a turn of the bot does it: neither waits for the other in a ring."""
    main = session.scalar(select(func.coalesce(Case.merged_into, Case.id)).where(Case.id == case_id))
    ours = select(Case.conversation_id).where(or_(Case.id == main, Case.merged_into == main))
    in_order = select(Conversation.id).where(Conversation.id.in_(ours)).order_by(Conversation.id)
    session.scalars(in_order.with_for_update()).all()
    return locked(session, case_id)


def _owner_of_conversation(session: Session, case: Case, owner: str) -> None:
    session.execute(update(Conversation).where(Conversation.id == case.conversation_id).values(owner=owner))


def reopen(session: Session, case_id: uuid.UUID, now: datetime, *, staff_id: uuid.UUID | None = None) -> Answer:
    """Page again although somebody has it: no answer in time (the engine, without `staff_id`), or a supervisor's
    wish."""
    case = locked(session, case_id)
    if staff_id and not staff.may_approve(staff.get(session, staff_id)):
        return _answer(session, "may_not", case)
    if case.closed_at:
        return _answer(session, "closed", case)
    former = session.get(Staff, case.owner_id) if case.owner_id else None
    _release(case, now)
    event(session, case, "reopened", now, staff_id=staff_id, level=case.level)
    if former:
        pages.write(session, [former], "reopened", now, case=case)
    session.flush()
    return _answer(session, "free", case)


def close(
    session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, outcome: str, now: datetime, *, note: str | None = None
) -> Answer:
    """Close a case, or ask for it where a second person must approve (then `closing`). `note` is stored encrypted."""
    case, who = _with_conversations(session, case_id), staff.get(session, staff_id)
    if outcome not in OUTCOMES:
        raise InvalidInput(f"an outcome out of {', '.join(OUTCOMES)}")
    if case.closed_at:
        return _answer(session, "closed", case)
    supervisor = staff.may_approve(who)
    if case.owner_id != who.id and not supervisor:
        return _answer(session, "held" if case.owner_id else "free", case)
    case.outcome, case.closing_by_id = outcome, who.id
    event(
        session, case, "closing", now, staff_id=who.id, detail={"outcome": outcome} | ({"note": note} if note else {})
    )
    if _needs_approval(session, case) and not (supervisor and case.owner_id not in {None, who.id}):
        others = [one for one in staff.active(session, *staff.APPROVES) if one.id != who.id]
        pages.write(session, others, "approve", now, case=case)
        session.flush()
        return _answer(session, "closing", case)
    _close(session, case, who, now)
    return _answer(session, "closed", case)


def _needs_approval(session: Session, case: Case) -> bool:
    """By the worst severity it has had: lowering it does not get round the second person."""
    lowered = select(CaseEvent.severity).where(CaseEvent.case_id == case.id, CaseEvent.kind == "lowered")
    had = {case.severity, *session.scalars(lowered)}
    if case.policy is None:
        return "critical" in had
    known = clocks.policy_from(case.policy).rules
    return any(known[severity].approval for severity in had if severity in known)


def approve_close(session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, now: datetime) -> Answer:
    """A supervisor or administrator, not the one who asked, agrees that a case is closed."""
    case, who = _with_conversations(session, case_id), staff.get(session, staff_id)
    if case.closed_at:
        return _answer(session, "closed", case)
    if case.closing_by_id is None or not staff.may_approve(who) or case.closing_by_id == who.id:
        return _answer(session, "may_not", case)
    _close(session, case, who, now)
    return _answer(session, "closed", case)


def refuse_close(session: Session, case_id: uuid.UUID, staff_id: uuid.UUID, now: datetime) -> Answer:
    """A supervisor does not agree: the case goes on where it was."""
    case, who = locked(session, case_id), staff.get(session, staff_id)
    if case.closed_at:
        return _answer(session, "closed", case)
    if case.closing_by_id is None or not staff.may_approve(who):
        return _answer(session, "may_not", case)
    case.closing_by_id = case.outcome = None
    event(session, case, "close_refused", now, staff_id=who.id)
    session.flush()
    return _answer(session, "held" if case.owner_id else "free", case)


def _close(session: Session, case: Case, who: Staff, now: datetime) -> None:
    case.approved_by_id = who.id
    end(session, case, now, outcome=case.outcome or "resolved", staff_id=who.id)


def end(
    session: Session, case: Case, now: datetime, *, outcome: str, staff_id: uuid.UUID | None = None
) -> None:  # fmt: skip
    """Close a locked case and those merged into it: no clock runs, no page is left, the bot has its conversation."""
    merged = session.scalars(select(Case).where(Case.merged_into == case.id, Case.closed_at.is_(None))).all()
    for one in (case, *merged):
        one.closed_at = now
        stop_clocks(one)
        pages.cancel(session, one.id)
        _owner_of_conversation(session, one, "bot")
    case.state, case.outcome = "closed", outcome
    event(session, case, "closed", now, staff_id=staff_id, detail={"outcome": outcome})
    session.flush()


def merge(session: Session, case_id: uuid.UUID, into_id: uuid.UUID, staff_id: uuid.UUID, now: datetime) -> Answer:
    """Two cases are one. The first stops by itself; what its person writes still reaches whoever has the other."""
    who = staff.get(session, staff_id)
    first, second = sorted((case_id, into_id))
    session.scalars(select(Case.id).where(Case.id.in_([first, second])).order_by(Case.id).with_for_update()).all()
    into = locked(session, into_id)
    case = session.get_one(Case, case_id, populate_existing=True)
    if case.closed_at or into.closed_at or case.merged_into or case.id == into.id or case.drill != into.drill:
        raise Refused("these two cases cannot be merged")
    if not staff.may_take(who):
        return _answer(session, "may_not", case)
    before = into.severity
    into.concerns = [*into.concerns, *(one for one in case.concerns if one not in into.concerns)]
    into.severity = max(into.severity, case.severity, key=("standard", "high", "critical").index)
    if into.severity != before and into.owner_id is None:
        into.page_due_at, into.next_level = now, max(into.level, 1)
    session.execute(update(Case).where(Case.merged_into == case.id).values(merged_into=into.id))
    pages.cancel(session, case.id)
    case.state, case.merged_into, case.owner_id = "merged", into.id, None
    stop_clocks(case)
    event(session, case, "merged", now, staff_id=who.id, detail={"into": str(into.id)})
    event(session, into, "merged_in", now, staff_id=who.id, detail={"case": str(case.id)})
    session.flush()
    return _answer(session, "merged", into)


def by_code(session: Session, code: str, staff_id: uuid.UUID | None = None) -> tuple[Case | None, Page | None]:
    """The case somebody means by a code: that of the newest page they were sent with it (it may be closed by now, and
    its code another's), else the open case that has it."""
    page = None
    if staff_id:
        query = select(Page).where(Page.staff_id == staff_id, Page.code == code, Page.case_id.is_not(None))
        page = session.scalar(query.order_by(Page.position.desc()).limit(1))
    if page:
        return session.get(Case, page.case_id), page
    return session.scalar(select(Case).where(Case.code == code, Case.closed_at.is_(None))), None


def who_has(session: Session, case: Case) -> Answer:
    """Who has a case now."""
    if case.closed_at:
        return _answer(session, "closed", case)
    return _answer(session, "held" if case.owner_id else "free", case)


def _answer(session: Session, kind: Kind, case: Case) -> Answer:
    owner = session.get(Staff, case.owner_id) if case.owner_id else None
    return Answer(kind, case.code, owner.name if owner else "", case.acknowledged_at, case.id)


def disable(session: Session, staff_id: uuid.UUID, now: datetime) -> int:
    """End an account. Its cases are paged anew; returns how many those were. Phone and e-mail address are forgotten, so
    that they may be somebody else's; a last text tells the owner."""
    who = session.get_one(Staff, staff_id)
    who.disabled_at = who.disabled_at or now
    told = who.phone if who.phone_verified_at else None
    who.roles_asked = who.roles_asked_by_id = None
    staff.forget_where(who)
    mine = session.scalars(select(Case.id).where(Case.owner_id == who.id, Case.closed_at.is_(None))).all()
    for case_id in mine:
        reopen(session, case_id, now)
    session.execute(
        update(Page).where(Page.staff_id == who.id, Page.state == "queued").values(state="cancelled", phone=None)
    )
    if told:
        notices.tell(session, [who], "account", now, phone=told)
    return len(mine)
