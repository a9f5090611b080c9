"""`koudmen staff`: accounts, for an administrator's shell. Numbers are shown to whoever runs it, and logged nowhere."""

import argparse
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from base.db import database_now
from dashboard import accounts
from koudmen.cli import parser
from koudmen.runtime import at_the_database, noted
from oncall import handling, notices, staff
from oncall.models import Staff
from oncall.models.staff import ROLES


def main(arguments: Sequence[str]) -> int:
    options = parser("staff")
    actions = options.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="a new account")
    adding.add_argument("--name", required=True)
    adding.add_argument("--role", required=True, action="append", choices=ROLES, help="may be repeated")
    adding.add_argument("--phone", required=True)
    adding.add_argument("--email")
    adding.add_argument("--verified", action="store_true", help="the phone needs no confirmation")
    adding.add_argument("--language", action="append", help="spoken, the one for pages first; may be repeated")
    adding.add_argument("--page-by", action="append", choices=["sms", "whatsapp"], help="the first way first")
    for name, what in (
        ("verify", "the phone is confirmed"),
        ("reset", "a new setup code; password, one-time code and passkeys are taken away, and every session ends"),
        ("disable", "end the account; its cases are paged anew"),
    ):
        actions.add_parser(name, help=what).add_argument("--phone", required=True)
    actions.add_parser("list", help="all accounts")
    given = options.parse_args(arguments)
    with at_the_database() as (session, _):
        print(_do(session, given))
    return 0


def _do(session: Session, given: argparse.Namespace) -> str:
    now = database_now(session)
    if given.action == "add":
        who = staff.add(
            session, given.name, given.role, now, phone=given.phone, email=given.email, verified=given.verified,
            languages=given.language or ["en"], page_by=given.page_by or ["sms"],
        )  # fmt: skip
        told = f"staff: {who.name} ({', '.join(who.roles)}), {'confirmed' if given.verified else 'not confirmed'} phone"
        return f"{told}\n{_setup(session, who, now, 'account made')}"
    if given.action == "list":
        return "\n".join(_line(one) for one in staff.active(session)) or "nobody"
    who = staff.find(session, given.phone)
    if given.action == "verify":
        staff.verify_phone(session, who.id, now)
        noted(session, "phone confirmed", f"staff:{who.id}")
        return f"staff: {who.name}'s phone is confirmed"
    if given.action == "reset":
        accounts.forget_proofs(session, who.id)
        accounts.sessions.end_all(session, who.id, "reset", now)
        notices.account_changed(session, who.id, now)
        notices.way_in_changed(session, who, None, now)
        return _setup(session, who, now, "account reset")
    paged = handling.disable(session, who.id, now)
    accounts.sessions.end_all(session, who.id, "account ended", now)
    noted(session, "account ended", f"staff:{who.id}", cases_paged_anew=paged)
    return f"staff: {who.name}'s account is ended; cases paged anew: {paged}"


def _setup(session: Session, who: Staff, now: datetime, done: str) -> str:
    """A code for a first sign-in, shown once to whoever runs the command, who hands it over in person."""
    code = accounts.codes.new_setup(session, who.id, now)
    noted(session, done, f"staff:{who.id}", roles=who.roles)
    return f"setup code, good for a day: {code} (they type it at /setup on the staff site)"


def _line(one: Staff) -> str:
    known = "confirmed" if one.phone_verified_at else "not confirmed"
    return f"{one.name}: {', '.join(one.roles)}; {one.phone or 'no phone'} ({known}); {', '.join(one.languages)}"
