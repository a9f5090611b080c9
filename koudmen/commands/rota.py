"""`koudmen rota`: shifts and rotations, from the shell. Times are Dominica's: `now`, `2026-12-24 18:00`."""

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import database_now
from base.errors import InvalidInput
from base.settings import OnCall
from dashboard import calendar
from koudmen.cli import parser
from koudmen.runtime import at_the_database, noted
from oncall import rota, staff
from oncall.models import Staff


def main(arguments: Sequence[str]) -> int:
    options = parser("rota")
    actions = options.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="one shift")
    adding.add_argument("--staff", required=True, metavar="PHONE")
    adding.add_argument("--level", required=True, type=int, choices=range(1, 5))
    adding.add_argument("--from", dest="start", required=True, metavar="TIME")
    adding.add_argument("--hours", required=True, type=float)
    turning = actions.add_parser("rotate", help="people who take turns")
    turning.add_argument("--name", required=True)
    turning.add_argument("--staff", required=True, action="append", metavar="PHONE", help="in their order; repeated")
    turning.add_argument("--level", required=True, type=int, choices=range(1, 5))
    turning.add_argument("--from", dest="start", required=True, metavar="TIME")
    turning.add_argument("--days", type=int, default=7, help="length of a turn")
    turning.add_argument("--windows", help="only at these hours: 'Mon-Fri 16:00-08:00, Sat-Sun 00:00-24:00'")
    for name, what in (("list", "who is on duty"), ("gaps", "what is wrong with the rota")):
        actions.add_parser(name, help=what).add_argument("--days", type=float, default=14)
    feed = actions.add_parser("calendar", help="the address of a person's calendar feed")
    feed.add_argument("--staff", required=True, metavar="PHONE")
    given = options.parse_args(arguments)
    with at_the_database() as (session, settings):
        if given.action == "calendar":
            print(settings.staff_url + calendar.path(staff.find(session, given.staff)))
            return 0
        print(_do(session, given, settings.config.oncall))
    return 0


def _do(session: Session, given: argparse.Namespace, config: OnCall) -> str:
    now = database_now(session)
    if given.action in {"list", "gaps"}:
        until = now + timedelta(days=given.days)
        lines = _listed(session, now, until) if given.action == "list" else _gaps(session, now, until, config)
        return "\n".join(lines) or ("nobody" if given.action == "list" else "no gaps")
    start = _time(given.start, now)
    if given.action == "add":
        who, end = staff.find(session, given.staff), start + timedelta(hours=given.hours)
        shift = rota.add_shift(session, who.id, given.level, start, end, now)
        noted(session, "shift added", f"shift:{shift.id}", level=given.level)
        return f"rota: {who.name}, level {given.level}, {_shown(start)} to {_shown(end)}"
    people = [staff.find(session, phone) for phone in given.staff]
    made = rota.add_rotation(
        session, given.name, given.level, [one.id for one in people], start, now, turn_days=given.days,
        windows=given.windows,
    )  # fmt: skip
    noted(session, "rotation added", f"rotation:{made.id}", level=given.level)
    return f"rota: {given.name}, level {given.level}, {', '.join(one.name for one in people)} from {_shown(start)}"


def _listed(session: Session, now: datetime, until: datetime) -> list[str]:
    return [
        f"{_shown(duty.start)} to {_shown(duty.end)}  level {duty.level}  {session.get_one(Staff, duty.staff_id).name}"
        for duty in rota.planned(session, now, until)
    ]


def _gaps(session: Session, now: datetime, until: datetime, config: OnCall) -> list[str]:
    return [
        f"{_shown(gap.start)} to {_shown(gap.end)}  level {gap.level}  {gap.kind} {gap.language or ''}".rstrip()
        for gap in rota.gaps(session, now, until, config.languages)
    ]


def _time(written: str, now: datetime) -> datetime:
    if written == "now":
        return now
    try:
        return datetime.fromisoformat(written).replace(tzinfo=DOMINICA)
    except ValueError:
        raise InvalidInput("a time is written 'now' or '2026-12-24 18:00'") from None


def _shown(at: datetime) -> str:
    return at.astimezone(DOMINICA).strftime("%a %d %b %H:%M")
