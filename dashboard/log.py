"""The log of who saw and did what: read, checked, and taken out as a file."""

import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from flask import Blueprint, Response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from base import audit
from dashboard import log_rows, typed
from dashboard.permissions import needs
from dashboard.web import audited, opened
from oncall.models import Staff

blueprint = Blueprint("log", __name__)


@blueprint.get("/audit")
@needs("see the audit log")
def page() -> str:
    """`?actor=&action=&subject=&case=&day=&before=`: those that fit, the newest first."""
    return _page()


def _page(found: audit.Verified | None = None) -> str:
    given = request.args
    actor, action, subject, case = (_word(name) for name in ("actor", "action", "subject", "case"))
    before = _word("before")
    asked = log_rows.Asked(
        actor, action, subject, case, typed.day(given.get("day")),
        int(before) if before.isascii() and before.isdecimal() and len(before) < 16 else None,
    )  # fmt: skip
    with opened() as (session, _now):
        rows, more = log_rows.page(session, asked)
        people = sorted(session.scalars(select(Staff)), key=lambda one: one.name.lower())
        return render_template(
            "audit/page.html", rows=rows, more=more, asked=asked, people=people, found=found,
            names={one.id: one.name for one in people}, actions=log_rows.actions(session), nobody=log_rows.NOBODY,
            kept={name: value for name, value in given.items() if name != "before" and value},
        )  # fmt: skip


def _word(name: str) -> str:
    return request.args.get(name, "").replace("\x00", "")[:80].strip()


@blueprint.post("/audit/verify")
@needs("see the audit log")
def verify() -> str:
    """Reckon the whole chain again, and say what came of it."""
    with opened() as (session, now):
        found = audit.verify(session)
        audited(session, "log verified", now, "log", whole=found.whole, entries=found.count)
    return _page(found)


@blueprint.get("/audit/log.jsonl")
@needs("export the audit log", proof=True)
def lines() -> Response:
    return _file("jsonl", "application/jsonl", log_rows.as_lines)


@blueprint.get("/audit/log.csv")
@needs("export the audit log", proof=True)
def table() -> Response:
    return _file("csv", "text/csv", log_rows.as_csv)


def _file(ending: str, kind: str, parts: Callable[[Session], Iterator[bytes]]) -> Response:
    """The whole log as a file; that somebody took it is its next entry."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the answer)
    with opened() as (session, now):
        for part in parts(session):
            file.write(part)
        audited(session, "log exported", now, "log", form=ending)
    file.seek(0)
    answer = Response(_read(file), mimetype=kind)
    answer.headers["Content-Disposition"] = f"attachment; filename=koudmen-audit.{ending}"
    answer.call_on_close(file.close)
    return answer


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(65_536):
            yield part
