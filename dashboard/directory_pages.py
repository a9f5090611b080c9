"""The directory on the staff site: the list, one service with the state of each fact, what to check, coverage."""

import uuid
from datetime import datetime

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.clock import DOMINICA
from dashboard import directory_rows
from dashboard.directory_rows import AT_ONCE, STATES, Wanted
from dashboard.permissions import needs
from dashboard.reports import kept
from dashboard.reports.period import Month, month
from dashboard.web import audited, may, me, opened, site
from dashboard.words import N_, _
from directory import checks, coverage, coverage_told, edit, indexing, inspection, truth
from directory import stale as work
from directory.needs import NEEDS
from directory.places import parishes

blueprint = Blueprint("directory", __name__)
FILES = {"svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}
# What directory.coverage and coverage_told say on these pages.
WORDS = (
    N_("Whole island"), N_("District not known"), N_("No place said"), N_("Services by need and parish"),
    N_("Services by need and district"), N_("combinations without any service of their own"), N_("hatched: none"),
    N_("searches that found nothing there"), N_("services by parish"), N_("verified"), N_("none"),
    N_("more for the whole island"), N_("searches are not told"),
    N_("services; v: with a verified number, m: known to serve migrants, k: speaking Haitian Creole"),
)  # fmt: skip
BY = {"parish": coverage.by_parish, "district": coverage.by_district}


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
    with opened() as (session, _now):
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


@blueprint.post("/directory/<any(phone, schedule, location_address, service):kind>/<uuid:row_id>/verify")
@needs("change the directory")
def verify(kind: str, row_id: uuid.UUID) -> Answer:
    """I called, it is right: from now on it may be sent. `seen` is the number that was dialled."""
    with opened() as (session, now):
        row = edit.row_of(session, kind, row_id)
        seen = {"number": request.form["number"]} if kind == "phone" and "number" in request.form else None
        truth.verify(session, row, by=me().name, on=now.astimezone(DOMINICA).date(), seen=seen, now=now)
        audited(session, f"{kind} verified", now, f"{kind}:{row_id}")
    flash(
        _("Kept: you have checked it today. It may be sent.")
        if kind == "phone"
        else _("Kept: you have checked it today.")
    )
    return _back()


@blueprint.post("/directory/tasks/<uuid:task_id>/done")
@needs("change the directory")
def task_done(task_id: uuid.UUID) -> Answer:
    """A report of a texter was looked into."""
    with opened() as (session, now):
        outcome = request.form.get("outcome", "").strip()[:200] or "checked"
        checks.finish(session, task_id, by=me().name, at=now, outcome=outcome)
        audited(session, "report checked", now, f"task:{task_id}")
    flash(_("The report is closed."))
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
    """What is to be checked: reported by texters first, then what is given out most, then the oldest."""
    with opened() as (session, now):
        today = now.astimezone(DOMINICA).date()
        rows = work.stale(session, today, confidential=may("see what is confidential"))
        findings = inspection.inspect(session, today) if may("change the directory") else []
        return render_template("directory/stale.html", rows=rows, findings=findings)


def _coverage(session: Session, now: datetime, kind: str) -> coverage.Coverage:
    """Beside the services what was searched for in vain in the newest month that is told: the very counts of its
    report, so that this page and the report side by side tell nothing that one of them keeps back."""
    return BY[kind](indexing.current(session), kept.unmet(session, _month(now), now, site().settings, kind))


def _month(now: datetime) -> Month:
    return month(None, now.astimezone(DOMINICA).date())


@blueprint.get("/directory/coverage")
@needs("see the directory")
def matrix() -> str:
    """Which need is met where; the empty ones are what is missing on the island."""
    kind = _kind()
    with opened() as (session, now):
        found = _coverage(session, now, kind)
    need = request.args.get("need", "")
    return render_template(
        "directory/coverage.html", found=found, needs=NEEDS, kind=kind, when=_month(now),
        need=need if need in NEEDS else NEEDS[0], shares=coverage_told.shares,
    )  # fmt: skip


@blueprint.get("/directory/coverage/island.svg")
@needs("see the directory")
def island() -> Response:
    """The island for one need, a tile for each parish."""
    need = request.args.get("need", "")
    if need not in NEEDS:
        abort(404)
    with opened() as (session, now):
        return Response(coverage_told.as_tiles(_coverage(session, now, "parish"), need, _), mimetype="image/svg+xml")


@blueprint.get("/directory/coverage/table.svg")
@needs("see the directory")
def picture() -> Response:
    """The page's table as a picture."""
    with opened() as (session, now):
        return Response(coverage_told.as_svg(_coverage(session, now, _kind()), _), mimetype="image/svg+xml")


@blueprint.get("/directory/coverage.<any(svg, csv):form>")
@needs("see the directory", proof=True)
def coverage_file(form: str) -> Response:
    """The same to take away; noted."""
    kind = _kind()
    with opened() as (session, now):
        found = _coverage(session, now, kind)
        audited(session, "coverage exported", now, "coverage", form=form, by=kind)
    data = coverage_told.as_svg(found, _) if form == "svg" else coverage_told.as_csv(found)
    answer = Response(data, content_type=FILES[form])
    answer.headers["Content-Disposition"] = f'attachment; filename="coverage-by-{kind}.{form}"'
    return answer


def _kind() -> str:
    return "district" if request.args.get("by") == "district" else "parish"
