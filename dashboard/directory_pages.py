"""The directory on the staff site: the list, one service with the state of each fact, what to check, coverage."""

import uuid
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

import directory.models as m
from base.clock import DOMINICA
from bot.demand import unmet
from dashboard import directory_rows
from dashboard.directory_rows import AT_ONCE, STATES, Wanted
from dashboard.permissions import needs
from dashboard.web import audited, may, me, opened
from directory import checks, coverage, coverage_told, indexing, truth
from directory.needs import NEEDS
from directory.places import parishes

blueprint = Blueprint("directory", __name__)
WINDOW = timedelta(days=90)


@blueprint.get("/directory")
@needs("see the directory")
def page() -> str:
    """Services by name, narrowed by words, need, parish and state."""
    given = request.args
    number = given.get("page", "0")
    wanted = Wanted(
        given.get("words", "")[:80], given.get("need", ""), given.get("parish", ""), given.get("state", ""),
        int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 0,
    )  # fmt: skip
    with opened() as (session, _):
        lines, total = directory_rows.listed(session, wanted)
    last = max((total - 1) // AT_ONCE, 0)
    return render_template(
        "directory/page.html", lines=lines, total=total, wanted=wanted, needs=NEEDS, states=STATES, last=last,
        parishes=[one.name for one in parishes()],
    )  # fmt: skip


@blueprint.get("/directory/<uuid:service_id>")
@needs("see the directory")
def one(service_id: uuid.UUID) -> str:
    with opened() as (session, now):
        found = directory_rows.sheet(session, service_id)
        if found is None or (found.service.confidential and not may("see what is confidential")):
            abort(404)
        today = now.astimezone(DOMINICA).date()
        return render_template("directory/one.html", sheet=found, today=today, due_on=directory_rows.due_on)


@blueprint.post("/directory/<any(phone, schedule):kind>/<uuid:row_id>/verify")
@needs("change the directory")
def verify(kind: str, row_id: uuid.UUID) -> Answer:
    """I called, it is right: from now on it may be sent."""
    with opened() as (session, now):
        row = _row(session, kind, row_id)
        truth.verify(session, row, by=me().name, on=now.astimezone(DOMINICA).date())
        audited(session, f"{kind} verified", now, f"{kind}:{row_id}")
    flash("Kept: you have checked it today. It may be sent.")
    return _back()


def _row(session: Session, kind: str, row_id: uuid.UUID) -> m.Phone | m.Schedule:
    if kind == "phone":
        return session.get(m.Phone, row_id, with_for_update=True) or abort(404)
    return session.get(m.Schedule, row_id, with_for_update=True) or abort(404)


@blueprint.post("/directory/tasks/<uuid:task_id>/done")
@needs("change the directory")
def task_done(task_id: uuid.UUID) -> Answer:
    """A report of a texter was looked into."""
    with opened() as (session, now):
        outcome = request.form.get("outcome", "").strip()[:200] or "checked"
        checks.finish(session, task_id, by=me().name, at=now, outcome=outcome)
        audited(session, "report checked", now, f"task:{task_id}")
    flash("The report is closed.")
    return _back()


def _back() -> Answer:
    """Where the form was: the service's page, or the work list."""
    service_id = request.form.get("service", "")
    try:
        return redirect(url_for("directory.one", service_id=uuid.UUID(service_id)), 303)
    except ValueError:
        return redirect(url_for("directory.stale"), 303)


@blueprint.get("/directory/stale")
@needs("see the directory")
def stale() -> str:
    """Numbers to be dialled, those that texters reported first."""
    with opened() as (session, now):
        today = now.astimezone(DOMINICA).date()
        rows = [
            (phone, reports, session.get(m.Service, phone.service_id)) for phone, reports in truth.due(session, today)
        ]
        shown = [row for row in rows if row[2] and (not row[2].confidential or may("see what is confidential"))]
        return render_template("directory/stale.html", rows=shown, today=today)


def _coverage(session: Session, now: datetime, kind: str) -> coverage.Coverage:
    index, today = indexing.current(session), now.astimezone(DOMINICA).date()
    if kind == "district":
        return coverage.by_district(index)
    return coverage.by_parish(index, unmet(session, today - WINDOW, today))


@blueprint.get("/directory/coverage")
@needs("see the directory")
def matrix() -> str:
    """Which need is met where; the empty ones are what is missing on the island."""
    kind = "district" if request.args.get("by") == "district" else "parish"
    with opened() as (session, now):
        found = _coverage(session, now, kind)
    return render_template("directory/coverage.html", found=found, needs=NEEDS, kind=kind)


@blueprint.get("/directory/coverage.<any(svg, csv):form>")
@needs("see the directory")
def picture(form: str) -> Response:
    kind = "district" if request.args.get("by") == "district" else "parish"
    with opened() as (session, now):
        found = _coverage(session, now, kind)
    if form == "svg":
        return Response(coverage_told.as_svg(found), mimetype="image/svg+xml")
    answer = Response(coverage_told.as_csv(found), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="coverage-by-{kind}.csv"'
    return answer
