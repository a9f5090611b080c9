"""`koudmen directory stale | show | verify | edit | history | restore | retire | unretire`: keeping it true.

Rows are named by their table and id, as `stale` and `show` print them. What is confidential is shown, and may be
changed, only with --confidential.
"""

import argparse
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import database_now
from base.errors import InvalidInput, Refused
from directory import codec, edit, fields, history, secrecy, stale, truth
from directory import models as m
from koudmen.runtime import at_the_database, noted


def main(arguments: Sequence[str]) -> int:
    given = _options().parse_args(arguments)
    with at_the_database() as (session, _):
        print(DO[given.action](session, given))
        if given.action in CHANGES:
            about = f"change:{given.change}" if given.action == "restore" else f"{given.table}:{given.id}"
            noted(session, CHANGES[given.action].format(getattr(given, "table", "")), about)
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="koudmen directory", description=__doc__)
    actions = options.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("stale", help="what is to be checked, the most urgent first")
    listing.add_argument("--on", type=date.fromisoformat, help="a day (today)")
    listing.add_argument("--limit", type=int, default=50)
    showing = actions.add_parser("show", help="all rows of a service, with their ids and fields")
    showing.add_argument("service", type=uuid.UUID)
    checked = _on_a_row(actions.add_parser("verify", help="a named person has checked it"), reason=False)
    checked.add_argument("--on", type=date.fromisoformat, help="the day it was checked (today)")
    checked.add_argument("--number", help="the number that was dialled; must be given for a phone")
    edited = _on_a_row(actions.add_parser("edit", help="change a field; an empty value empties it"))
    edited.add_argument("field")
    edited.add_argument("value")
    edited.add_argument("--expected", help="what the field had when you looked; refused if it has changed since")
    told = actions.add_parser("history", help="what was changed, the newest first; of a service with all it has")
    _row(told)
    restored = actions.add_parser("restore", help="put a field back as it was before a change")
    restored.add_argument("change", type=uuid.UUID)
    _who(restored)
    off = _on_a_row(
        actions.add_parser(
            "retire", help="take a service, a place of one (service_at_location), a phone or schedule out of use"
        )
    )
    off.add_argument("--status", default="inactive", help="of a service: inactive, defunct, temporarily closed")
    _on_a_row(actions.add_parser("unretire", help="take it into use again"))
    for one in actions.choices.values():
        one.add_argument("--confidential", action="store_true", help="you may see what is confidential")
    return options


def _on_a_row(options: argparse.ArgumentParser, *, reason: bool = True) -> argparse.ArgumentParser:
    _row(options)
    _who(options, reason=reason)
    return options


def _row(options: argparse.ArgumentParser) -> None:
    options.add_argument("table", choices=sorted(fields.MODELS))
    options.add_argument("id", type=uuid.UUID)


def _who(options: argparse.ArgumentParser, *, reason: bool = True) -> None:
    options.add_argument("--by", required=True, help="the name of the person who says so")
    if reason:
        options.add_argument("--reason", help="why; kept in the history")


def _found(session: Session, given: argparse.Namespace, table: str, key: uuid.UUID) -> Any:
    row = edit.row_of(session, table, key)
    if not given.confidential and secrecy.hidden(session, row):
        raise Refused("this is confidential; --confidential is for those who look after it")
    return row


def _stale(session: Session, given: argparse.Namespace) -> str:
    on = given.on or database_now(session).astimezone(DOMINICA).date()
    found = stale.stale(session, on, limit=given.limit, confidential=given.confidential)
    return "\n".join(_line(one) for one in found) or "nothing is to be checked"


def _line(one: stale.Stale) -> str:
    known = f"verified {one.verified_on}" if one.verified_on else f"never verified, source of {one.known_on or '?'}"
    what = f"{one.table} {one.id} {one.service}" + (f" {one.number}" if one.number else "")
    return f"{what}: {known}; given out {one.given}, reported {one.reports}"


def _show(session: Session, given: argparse.Namespace) -> str:
    service = _found(session, given, "service", given.service)
    lines = []
    for row in history.rows_of(session, service):
        if given.confidential or not secrecy.hidden(session, row):
            lines.append(f"{row.__tablename__} {row.id}")
            values = ((name, codec.encode(edit.value_of(session, row, name))) for name in fields.editable(type(row)))
            lines += [f"  {name}: {value}" for name, value in values if value not in {None, ""}]
            if getattr(row, "verified_on", None):
                lines.append(f"  verified: {row.verified_on} by {row.verified_by}, again {row.next_check_due}")
    return "\n".join(lines)


def _verify(session: Session, given: argparse.Namespace) -> str:
    row, now = _found(session, given, given.table, given.id), database_now(session)
    if not hasattr(row, "verified_on"):
        raise InvalidInput("a phone, schedule, location_address or service is verified")
    if isinstance(row, m.Phone) and not given.number:
        raise InvalidInput("--number: which number was dialled?")
    seen = {"number": given.number} if given.number else None
    today = now.astimezone(DOMINICA).date()
    truth.verify(session, row, by=given.by, on=given.on or today, seen=seen, now=now)
    return f"verified; to be checked again on {row.next_check_due}"


def _edit(session: Session, given: argparse.Namespace) -> str:
    row = _found(session, given, given.table, given.id)
    expected = edit.UNSEEN if given.expected is None else given.expected
    return _changes(
        edit.edit(
            session, row, given.field, given.value, by=given.by, now=database_now(session), expected=expected,
            reason=given.reason,
        )
    )  # fmt: skip


def _history(session: Session, given: argparse.Namespace) -> str:
    row = edit.row_of(session, given.table, given.id)
    told = history.history(session, row, confidential=given.confidential)
    return "\n".join(_told(one) for one in told) or "nothing was changed"


def _told(one: m.FieldChange) -> str:
    when = one.last_action_date.astimezone(DOMINICA).strftime("%Y-%m-%d %H:%M")
    what = f"{one.resource_type} {one.field_name}: {one.previous_value!r} -> {one.replacement_value!r}"
    why = f" ({one.reason})" if one.reason else ""
    return f"{one.id} {when} {one.updated_by}, {one.last_action_type}: {what}{why}"


def _restore(session: Session, given: argparse.Namespace) -> str:
    return _changes(
        history.restore(
            session, given.change, by=given.by, now=database_now(session), reason=given.reason,
            confidential=given.confidential,
        )
    )  # fmt: skip


def _retire(session: Session, given: argparse.Namespace) -> str:
    row, now = _found(session, given, given.table, given.id), database_now(session)
    return _changes(edit.retire(session, row, by=given.by, now=now, reason=given.reason, status=given.status))


def _unretire(session: Session, given: argparse.Namespace) -> str:
    row, now = _found(session, given, given.table, given.id), database_now(session)
    return _changes(edit.unretire(session, row, by=given.by, now=now, reason=given.reason))


def _changes(changes: Sequence[m.FieldChange]) -> str:
    return "\n".join(_told(one) for one in changes) or "nothing to change: it is so already"


DO: dict[str, Callable[[Session, argparse.Namespace], str]] = {
    "stale": _stale, "show": _show, "verify": _verify, "edit": _edit, "history": _history, "restore": _restore,
    "retire": _retire, "unretire": _unretire,
}  # fmt: skip
CHANGES = {
    "verify": "{} verified", "edit": "directory changed", "restore": "directory restored",
    "retire": "directory row retired", "unretire": "directory row used again",
}  # fmt: skip
