"""`koudmen oncall`: the duty from the shell, for when the staff site is away. It shows codes and states; what was said
only with `read`, which is noted in the case. What `reply` sends is read from standard input: a command's own words are
seen by everybody on the machine."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from base import audit
from base.clock import DOMINICA
from base.db import database_now
from base.errors import Refused
from base.settings import Settings
from bot import officer, thread
from koudmen.cli import parser
from koudmen.runtime import at_the_database
from messaging.bell import Bell
from oncall import cases, handling, staff
from oncall.models import Alarm, Case, Page, Staff
from oncall.models.case import OUTCOMES
from oncall.wishes import OVERRIDES

_ACTIONS = {
    "read": "what was said",
    "reply": "write to the person: the words on standard input",
    "take": "take a case",
    "pass": "pass it on",
    "close": "close it",
    "approve": "agree that it is closed",
}


def main(arguments: Sequence[str]) -> int:
    options = parser("oncall")
    actions = options.add_subparsers(dest="action", required=True)
    actions.add_parser("cases", help="open ones, the longest overdue first")
    actions.add_parser("alarms", help="open ones")
    actions.add_parser("pages", help="the last twenty")
    for name, what in _ACTIONS.items():
        acting = actions.add_parser(name, help=what)
        acting.add_argument("code")
        acting.add_argument("--staff", required=True, metavar="PHONE", help="who does it")
        if name == "reply":
            acting.add_argument("--override", choices=sorted(OVERRIDES), help="why it goes out all the same")
        if name == "close":
            acting.add_argument("--outcome", required=True, choices=OUTCOMES)
    given = options.parse_args(arguments)
    with at_the_database() as (session, settings):
        told = _do(session, given, settings)
    if given.action == "reply":
        Bell(settings.redis_url).ring("protect")  # after the commit: it leaves at once
    print(told)
    return 0


def _do(session: Session, given: argparse.Namespace, settings: Settings) -> str:
    if given.action in _LISTS:
        return "\n".join(_LISTS[given.action](session)) or "none"
    now, who = database_now(session), staff.find(session, given.staff)
    case, _ = handling.by_code(session, given.code)
    if case is None:
        raise Refused("no open case has this code")
    told = _acted(session, given, settings, case, who, now)
    audit.record(
        session, ACTIONS_AS_ON_THE_SITE.get(given.action, f"case {given.action}"), now, actor=who.id,
        subject=f"case:{case.id}", detail={"by": "shell"},
    )  # fmt: skip
    return told


ACTIONS_AS_ON_THE_SITE = {"read": "case viewed"}


def _acted(
    session: Session, given: argparse.Namespace, settings: Settings, case: Case, who: Staff, now: datetime
) -> str:
    if given.action == "read":
        return _read(session, case, who, now)
    if given.action == "reply":
        sent = officer.send_reply(session, case.id, who.id, sys.stdin.read(), now, settings, override=given.override)
        return f"{case.code}: {sent.how}, {sent.segments} SMS"
    if given.action == "take":
        done = handling.acknowledge(session, case.id, who.id, now)
    elif given.action == "pass":
        done = handling.pass_on(session, case.id, who.id, now)
    elif given.action == "close":
        done = handling.close(session, case.id, who.id, given.outcome, now)
    else:
        done = handling.approve_close(session, case.id, who.id, now)
    return f"{done.code}: {done.kind}" + (f" ({done.owner})" if done.owner else "")


def _read(session: Session, case: Case, who: Staff, now: datetime) -> str:
    """Refused for who has no part in answering people."""
    if who.disabled_at or not {"officer", "supervisor"} & set(who.roles):
        raise Refused("this account does not read what people wrote")
    cases.event(session, case, "viewed", now, staff_id=who.id)
    lines = thread.of_case(session, case.id)
    return "\n".join(map(_line, lines)) or "none"


def _line(one: thread.Line) -> str:
    """One message; what it says on further lines stands to the right, so that it cannot pass for another message."""
    words = one.words.replace("\n", "\n    ")
    return f"{_shown(one.at)} {one.whose} {one.state}".rstrip() + f": {words}"


def _cases(session: Session) -> list[str]:
    query = select(Case).where(Case.closed_at.is_(None), Case.state != "merged").order_by(Case.due_at)
    lines = []
    for case in session.scalars(query):
        owner = session.get(Staff, case.owner_id) if case.owner_id else None
        drill = "exercise " if case.drill else ""
        whose = f" ({owner.name})" if owner else ""
        lines.append(f"{drill}{case.code} {case.severity} {case.state}{whose}, next clock {_shown(case.due_at)}")
    return lines


def _alarms(session: Session) -> list[str]:
    query = select(Alarm).where(Alarm.cleared_at.is_(None)).order_by(Alarm.raised_at)
    return [f"{one.kind} {one.subject} since {_shown(one.raised_at)}" for one in session.scalars(query)]


def _pages(session: Session) -> list[str]:
    query = select(Page, Staff).join(Staff, Staff.id == Page.staff_id).order_by(Page.position.desc()).limit(20)
    return [
        f"{_shown(page.created_at)} {page.kind} {page.code} to {who.name} by {page.channel}: {page.state}"
        f"{f', {page.delivery}' if page.delivery else ''}{f', answered {page.answer}' if page.answer else ''}"
        for page, who in session.execute(query)
    ]


_LISTS = {"cases": _cases, "alarms": _alarms, "pages": _pages}


def _shown(at: datetime | None) -> str:
    return at.astimezone(DOMINICA).strftime("%d %b %H:%M:%S") if at else "never"
