"""`koudmen drill`: exercises."""

import argparse
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.db import database_now
from base.errors import Refused
from koudmen.cli import parser
from koudmen.runtime import at_the_database, noted
from oncall import drills
from oncall.models import Case


def main(arguments: Sequence[str]) -> int:
    options = parser("drill")
    actions = options.add_subparsers(dest="action", required=True)
    actions.add_parser("start", help="page as for a real case").add_argument(
        "scenario", nargs="?", default="husband_with_cutlass", choices=sorted(drills.scenarios())
    )
    actions.add_parser("stop", help="end a drill").add_argument("code")
    actions.add_parser("scenarios", help="the training set")
    actions.add_parser("report", help="how they went").add_argument("--days", type=float, default=30)
    given = options.parse_args(arguments)
    with at_the_database() as (session, _):
        print(_do(session, given))
    return 0


def _do(session: Session, given: argparse.Namespace) -> str:
    now = database_now(session)
    if given.action == "scenarios":
        return "\n".join(f"{s.name} ({s.concern}, {s.severity}, {s.language}): {s.aim}" for s in _all())
    if given.action == "report":
        since = now - timedelta(days=given.days)
        lines = [_line(result) for result in drills.report(session, since)]
        lines += [_person(person) for person in drills.people(session, since)]
        return "\n".join(lines) or "no drills"
    if given.action == "start":
        case = drills.start(session, given.scenario, now)
        noted(session, "drill started", f"case:{case.id}", scenario=given.scenario)
        return f"exercise {case.code} has begun: {given.scenario}, {case.severity}"
    found = session.scalar(select(Case.id).where(Case.drill, Case.code == given.code, Case.closed_at.is_(None)))
    if found is None:
        raise Refused("no exercise with this code is running")
    drills.stop(session, found, now)
    noted(session, "drill stopped", f"case:{found}")
    return f"exercise {given.code} is over"


def _all() -> list[drills.Scenario]:
    return list(drills.scenarios().values())


def _line(result: drills.Result) -> str:
    taken = f"taken by {result.taken_by} after {_shown(result.taken)}" if result.taken else "not taken"
    answered = f"answered after {_shown(result.engaged)}" if result.engaged else "not answered"
    return (
        f"{result.began:%Y-%m-%d} {result.code} {result.scenario} ({result.severity}): {taken}, {answered}, "
        f"reached level {result.level} with {result.pages} pages"
    )


def _person(person: drills.Person) -> str:
    middle = f", usually after {_shown(person.middle)}" if person.middle is not None else ""
    return f"{person.name}: answered {person.answered} of {person.paged}{middle}"


def _shown(time: timedelta | None) -> str:
    return f"{(time or timedelta()).total_seconds() / 60:.1f} min"
