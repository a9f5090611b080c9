"""Word to staff beside pages: that their account was changed, that rights wait for a yes, that a swap is asked. A text
to the confirmed phone, without any detail: what it is about stands on the staff site, behind the sign-in."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from oncall import staff
from oncall.models import Page, Staff

# account: your own account was changed; accounts: somebody's who reads cases; roles: rights wait for a yes
Kind = Literal["account", "accounts", "roles", "swap"]


def tell(session: Session, people: Iterable[Staff], kind: Kind, now: datetime, *, phone: str | None = None) -> None:
    """One text each, by SMS (a template on WhatsApp has no words for it); none where one of the kind waits already.
    `phone`: where it goes instead of where they are reached now, for somebody whose phone was just changed."""
    for who in people:
        mine = select(Page.id).where(Page.staff_id == who.id, Page.kind == kind, Page.state == "queued")
        if (phone or staff.reachable(who)) and session.scalar(mine.limit(1)) is None:
            session.add(
                Page(staff_id=who.id, channel="sms", kind=kind, code="", created_at=now, due_at=now, phone=phone)
            )
    session.flush()


def account_changed(session: Session, staff_id: uuid.UUID, now: datetime) -> None:
    """To the owner: how they sign in, or what they may do, was changed."""
    tell(session, [session.get_one(Staff, staff_id)], "account", now)


def reads_cases_changed(session: Session, who: Staff, by: uuid.UUID | None, now: datetime) -> None:
    """To the supervisors: the way in of somebody who reads cases was taken away or moved by an administrator, who could
    now come in as that person."""
    if staff.may_take(who):
        others = staff.active(session, "supervisor")
        tell(session, [one for one in others if one.id not in {by, who.id}], "accounts", now)
