"""Accounts of staff: who they are and by which phone they are known. Passwords are the staff site's."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from base.db import keys
from base.errors import InvalidInput, Refused
from base.settings import LANGUAGES
from oncall.models import Staff
from oncall.models.staff import ROLES

ANSWERS_PAGES = ("officer", "supervisor")
APPROVES = ("supervisor", "administrator")
# They read cases, make accounts that do, or know where a refuge is and which number people in danger are sent: a second
# person agrees.
SECOND = ("officer", "supervisor", "editor", "administrator")


def phone_number(written: str) -> str:
    """A phone number in international form (`767 555 0100` is Dominica's); InvalidInput when it is none."""
    try:
        number = phonenumbers.parse(written.strip(), "DM")
    except phonenumbers.NumberParseException:
        raise InvalidInput("the phone number is written like +1 767 555 0100") from None
    if not phonenumbers.is_possible_number(number):
        raise InvalidInput("the phone number is too short or too long")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_lookup(phone: str) -> bytes:
    """The keyed hash by which a phone (in international form) is found."""
    return keys().lookup("staff phone", phone)


def email_lookup(email: str) -> bytes:
    """The keyed hash by which an e-mail address is found, however it is written."""
    return keys().lookup("staff email", email.strip().lower())


def add(
    session: Session,
    name: str,
    roles: Sequence[str],
    now: datetime,
    *,
    phone: str | None = None,
    email: str | None = None,
    verified: bool = False,
    languages: Sequence[str] = ("en",),
    page_by: Sequence[str] = ("sms",),
    by: uuid.UUID | None = None,
) -> Staff:
    """A new account. `verified`: the phone needs no confirmation. `by`: an administrator on the staff site, whose word
    alone gives no role of `SECOND`; without, the shell's, which does. InvalidInput, or Refused when phone or e-mail is
    somebody's already."""
    if not name.strip() or not roles or set(roles) - set(ROLES):
        raise InvalidInput(f"a name, and roles out of {', '.join(ROLES)}")
    if set(page_by) - {"sms", "whatsapp"}:
        raise InvalidInput("pages go by sms or whatsapp")
    number = phone_number(phone) if phone else None
    if number and by_phone(session, number):
        raise Refused("another account has this phone")
    if email and by_email(session, email):
        raise Refused("another account has this e-mail address")
    staff = Staff(
        name=name.strip(),
        roles=list(roles),
        phone=number,
        phone_lookup=number and phone_lookup(number),
        phone_verified_at=now if number and verified else None,
        email=email and email.strip(),
        email_lookup=email and email_lookup(email),
        languages=list(languages),
        page_by=list(page_by),
        created_at=now,
    )
    if by:
        staff.roles = []
        staff.roles = ask(staff, roles, by)
    session.add(staff)
    session.flush()
    return staff


def by_phone(session: Session, phone: str) -> Staff | None:
    """The account of a phone number in international form, disabled or not."""
    return session.scalar(select(Staff).where(Staff.phone_lookup == phone_lookup(phone)))


def by_email(session: Session, email: str) -> Staff | None:
    """The account of an e-mail address, disabled or not."""
    return session.scalar(select(Staff).where(Staff.email_lookup == email_lookup(email)))


def find(session: Session, phone: str) -> Staff:
    """The account of a phone number as somebody writes it; Refused when there is none."""
    staff = by_phone(session, phone_number(phone))
    if staff is None:
        raise Refused("no account has this phone")
    return staff


def get(session: Session, staff_id: uuid.UUID) -> Staff:
    """An account that may act; Refused when it is disabled or unknown."""
    staff = session.get(Staff, staff_id)
    if staff is None or staff.disabled_at is not None:
        raise Refused("this account may not act")
    return staff


def active(session: Session, *roles: str) -> Sequence[Staff]:
    """Accounts that are not disabled and have one of these roles (any, when none is named), oldest first."""
    query = select(Staff).where(Staff.disabled_at.is_(None)).order_by(Staff.created_at, Staff.id)
    return session.scalars(query.where(Staff.roles.overlap(list(roles))) if roles else query).all()


def reachable(staff: Staff) -> bool:
    """Whether a page may go there: an account in use with a confirmed phone."""
    return staff.disabled_at is None and staff.phone is not None and staff.phone_verified_at is not None


def may_take(staff: Staff) -> bool:
    """Whether this person may look after a case."""
    return staff.disabled_at is None and bool({*staff.roles} & {*ANSWERS_PAGES})


def may_approve(staff: Staff) -> bool:
    """Whether this person may approve that a case is closed."""
    return staff.disabled_at is None and bool({*staff.roles} & {*APPROVES})


def verify_phone(session: Session, staff_id: uuid.UUID, now: datetime) -> Staff:
    """The phone has been confirmed."""
    staff = session.get_one(Staff, staff_id)
    staff.phone_verified_at = now
    return staff


def change_phone(session: Session, staff_id: uuid.UUID, phone: str, now: datetime, *, verified: bool = False) -> Staff:
    """Another phone, which must be confirmed again."""
    staff, number = session.get_one(Staff, staff_id), phone_number(phone)
    other = by_phone(session, number)
    if other and other.id != staff.id:
        raise Refused("another account has this phone")
    staff.phone, staff.phone_lookup = number, phone_lookup(number)
    staff.phone_verified_at, staff.phone_tested_at = now if verified else None, None
    return staff


def forget_where(who: Staff) -> None:
    """No phone, no e-mail address and no ministry's sign-in any more."""
    who.phone = who.phone_lookup = who.phone_verified_at = who.phone_tested_at = None
    who.email = who.email_lookup = who.ministry_lookup = None


def change_email(session: Session, staff_id: uuid.UUID, email: str) -> bool:
    """Another e-mail address, or none. By it a ministry's own sign-in finds the account; whoever was bound to it by the
    address before is bound no more. Returns whether it is another one."""
    staff, written = _locked(session, staff_id), email.strip()
    if written and ("@" not in written or len(written) > 200 or not written.isprintable()):
        raise InvalidInput("an e-mail address is written like ada@example.org")
    other = by_email(session, written) if written else None
    if other and other.id != staff.id:
        raise Refused("another account has this e-mail address")
    before = staff.email_lookup
    staff.email, staff.email_lookup = (written, email_lookup(written)) if written else (None, None)
    if staff.email_lookup == before:
        return False
    staff.ministry_lookup = None
    return True


def ministry_lookup(issuer: str, subject: str) -> bytes:
    """The keyed hash of who somebody is at their ministry's own sign-in: its issuer and its name for them."""
    return keys().lookup("staff ministry", issuer, subject)


def by_ministry(session: Session, email: str, known: bytes) -> Staff | None:
    """The account in use with this e-mail address, locked, when `known` (`ministry_lookup`) is bound to it or may be;
    None when it is bound to somebody else there, or they to another account here."""
    query = select(Staff).where(Staff.email_lookup == email_lookup(email), Staff.disabled_at.is_(None))
    who = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    other = session.scalar(select(Staff.id).where(Staff.ministry_lookup == known))
    if who is None or who.ministry_lookup not in {None, known} or other not in {None, who.id}:
        return None
    return who


def _locked(session: Session, staff_id: uuid.UUID) -> Staff:
    return session.get_one(Staff, staff_id, with_for_update=True, populate_existing=True)


def change_work(
    session: Session, staff_id: uuid.UUID, roles: Sequence[str], languages: Sequence[str], page_by: Sequence[str],
    *, by: uuid.UUID,
) -> bool:  # fmt: skip
    """What somebody does, speaks, and is paged by (the first way first), as `by` says. Returns whether the roles
    changed. Roles of `SECOND` that are new wait for somebody else (`agree`). Refused for one's own roles, and when no
    administrator would be left."""
    if not roles or set(roles) - set(ROLES):
        raise InvalidInput(f"roles out of {', '.join(ROLES)}, at least one")
    if not languages or set(languages) - set(LANGUAGES):
        raise InvalidInput("languages out of the list, at least one")
    if not page_by or set(page_by) - {"sms", "whatsapp"}:
        raise InvalidInput("pages go by sms or whatsapp")
    if by == staff_id and set(roles) != set(session.get_one(Staff, staff_id).roles):
        raise Refused("nobody changes their own roles: another administrator does it")
    if "administrator" not in roles:
        keep_an_administrator(session, staff_id)
    staff = _locked(session, staff_id)  # a second person may be saying yes at this moment
    now_, before = ask(staff, roles, by), set(staff.roles)
    staff.roles, staff.languages, staff.page_by = now_, list(languages), list(page_by)
    return set(now_) != before


def ask(who: Staff, roles: Sequence[str], by: uuid.UUID) -> list[str]:
    """Of the roles that somebody is to have, those that count at once. The others are noted on the account, to wait for
    a second person; what waited before and is not among them any more is forgotten."""
    waits = [role for role in SECOND if role in roles and role not in who.roles]
    if waits != (who.roles_asked or []):
        who.roles_asked, who.roles_asked_by_id = waits or None, by if waits else None
    return [role for role in roles if role not in waits]


def asked(session: Session) -> Sequence[Staff]:
    """Accounts with roles that wait for a second person."""
    query = select(Staff).where(Staff.disabled_at.is_(None), Staff.roles_asked.is_not(None))
    return session.scalars(query.order_by(Staff.created_at)).all()


def may_agree(who: Staff, by: Staff) -> bool:
    """A supervisor or administrator, neither who asked nor whose account it is."""
    return may_approve(by) and by.id not in {who.id, who.roles_asked_by_id}


def waits_as(who: Staff) -> str:
    """What a second person is asked about an account: the roles that wait, those it has, and who asked. A yes is to
    this and to nothing else."""
    return f"{','.join(who.roles_asked or [])} {','.join(sorted(who.roles))} {who.roles_asked_by_id}"


def agree(session: Session, staff_id: uuid.UUID, by: Staff, *, agreed: bool, seen: str) -> list[str]:
    """A second person's yes or no to roles that wait, when they still wait as that person saw it (`waits_as`). Returns
    which they were."""
    who = _locked(session, staff_id)
    waits = list(who.roles_asked or [])
    if who.disabled_at or not waits:
        raise Refused("no role of this account waits for an answer any more")
    if seen != waits_as(who):
        raise Refused("what is asked has changed since you looked: look again, then answer")
    if not may_agree(who, by):
        raise Refused("somebody else answers this: neither who asked, nor whose account it is")
    if agreed:
        who.roles = [*who.roles, *waits]
    who.roles_asked = who.roles_asked_by_id = None
    session.flush()
    return waits


def keep_an_administrator(session: Session, without: uuid.UUID) -> None:
    """Refused when this is the last administrator: nobody could make accounts any more but from the shell. The rows
    are locked, so that two who take each other's role away cannot both succeed."""
    query = select(Staff.id).where(Staff.disabled_at.is_(None), Staff.roles.contains(["administrator"]))
    if list(session.scalars(query.order_by(Staff.id).with_for_update())) == [without]:
        raise Refused("this is the last administrator; make another one first")
