"""Swaps that an officer asks for: nothing changes until the one they ask, or a supervisor, says yes."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from oncall import notices, rota
from oncall.duty import Duty
from oncall.models import Staff, SwapRequest
from oncall.staff import may_approve


def ask(session: Session, who: uuid.UUID, mine: Duty, theirs: Duty, now: datetime) -> SwapRequest:
    """Ask to do `theirs` for `mine`. Refused when a duty is not the asker's, has begun, or is not in the rota."""
    if mine.staff_id != who:
        raise Refused("you can give away your own duty only")
    if theirs.staff_id == who:
        raise InvalidInput("choose a duty of somebody else")
    if min(mine.start, theirs.start) <= now or not all(rota.stands(session, duty) for duty in (mine, theirs)):
        raise Refused("a duty that has begun, or is not in the rota any more, cannot be swapped")
    made = SwapRequest(
        staff_id=who, mine_level=mine.level, mine_starts_at=mine.start, mine_ends_at=mine.end,
        other_id=theirs.staff_id, theirs_level=theirs.level, theirs_starts_at=theirs.start, theirs_ends_at=theirs.end,
        asked_at=now,
    )  # fmt: skip
    session.add(made)
    notices.tell(session, [session.get_one(Staff, theirs.staff_id)], "swap", now)
    return made


def waiting(session: Session, now: datetime) -> Sequence[SwapRequest]:
    """Those that wait for a yes and whose duties have not begun, the oldest first."""
    open_ = (SwapRequest.decided_at.is_(None), SwapRequest.mine_starts_at > now, SwapRequest.theirs_starts_at > now)
    return session.scalars(select(SwapRequest).where(*open_).order_by(SwapRequest.asked_at)).all()


def may_agree(swap: SwapRequest, who: Staff) -> bool:
    """The one who is asked, or somebody who plans the rota; never the asker alone."""
    return who.id == swap.other_id or (may_approve(who) and who.id != swap.staff_id)


def decide(session: Session, swap_id: uuid.UUID, who: Staff, now: datetime, *, agreed: bool) -> SwapRequest:
    """Yes or no. Who asked may take it back (no). Refused when it was decided, or the rota changed meanwhile."""
    swap = session.get(SwapRequest, swap_id, with_for_update=True)
    if swap is None or swap.decided_at is not None:
        raise Refused("this swap does not wait for an answer any more")
    if not may_agree(swap, who) and (agreed or who.id != swap.staff_id):
        raise Refused("only the one who is asked, or a supervisor, can answer this")
    if agreed and min(swap.mine_starts_at, swap.theirs_starts_at) <= now:
        raise Refused("one of the two duties has begun")
    swap.decided_at, swap.decided_by_id, swap.agreed = now, who.id, agreed
    if agreed:
        rota.swap(session, *_duties(swap), now, by=who.id)
    _tell(session, swap, who, now)
    return swap


def _tell(session: Session, swap: SwapRequest, but: Staff, now: datetime) -> None:
    """Both of them look at the rota, but for who has just answered."""
    both = (swap.staff_id, swap.other_id)
    notices.tell(session, [session.get_one(Staff, one) for one in both if one != but.id], "swap", now)


def _duties(swap: SwapRequest) -> tuple[Duty, Duty]:
    return (
        Duty(swap.staff_id, swap.mine_level, swap.mine_starts_at, swap.mine_ends_at, "swap", swap.id),
        Duty(swap.other_id, swap.theirs_level, swap.theirs_starts_at, swap.theirs_ends_at, "swap", swap.id),
    )
