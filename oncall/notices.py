"""Word to staff beside pages: that their account was changed, that rights wait for a yes, that a swap is asked. A text
to the confirmed phone, without any detail: what it is about stands on the staff site, behind the sign-in.

Each is bound to the phone as it was when it was written: whoever changes a phone right after must not get it, nor
keep it from its owner."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from oncall import staff
from oncall.models import Page, Staff

# account: your own account was changed; accounts: somebody's with grave roles; roles: rights wait for a yes
Kind = Literal["account", "accounts", "roles", "swap"]


def tell(session: Session, people: Iterable[Staff], kind: Kind, now: datetime, *, phone: str | None = None) -> None:
    """One text each, by SMS (a template on WhatsApp has no words for it); none where one of the kind to the same phone
    waits already. `phone`: where it goes instead of where they are reached now, for somebody whose phone was just
    changed."""
    for who in people:
        to = phone or (who.phone if staff.reachable(who) else None)
        if to and to not in _waiting(session, who, kind):
            session.add(Page(staff_id=who.id, channel="sms", kind=kind, code="", created_at=now, due_at=now, phone=to))
            session.flush()


def _waiting(session: Session, who: Staff, kind: Kind) -> set[str | None]:
    """The phones to which a text of this kind to them has not left yet."""
    mine = select(Page).where(Page.staff_id == who.id, Page.kind == kind, Page.state == "queued")
    return {one.phone for one in session.scalars(mine)}


def account_changed(session: Session, staff_id: uuid.UUID, now: datetime) -> None:
    """To the owner: how they sign in, or what they may do, was changed."""
    tell(session, [session.get_one(Staff, staff_id)], "account", now)


def way_in_changed(session: Session, who: Staff, by: uuid.UUID | None, now: datetime) -> None:
    """To supervisors and administrators: the way in of somebody with a role of `staff.SECOND` was taken away or moved,
    by an administrator or (`by` None) from the shell. Whoever did it could now come in as that person."""
    if {*who.roles} & {*staff.SECOND}:
        others = staff.active(session, *staff.APPROVES)
        tell(session, [one for one in others if one.id not in {by, who.id}], "accounts", now)
