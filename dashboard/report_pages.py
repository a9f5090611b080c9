"""Reports for analysts: a month in counts, on the page and as files. Whoever reads them reaches nobody from here."""

from datetime import date, timedelta

from flask import Blueprint, Response, abort, render_template, request

from base.clock import DOMINICA
from base.errors import InvalidInput, Refused
from dashboard.permissions import needs
from dashboard.reports import figures, files, kept
from dashboard.reports.period import Month, month
from dashboard.reports.tables import said, shown
from dashboard.web import audited, opened, site

blueprint = Blueprint("reports", __name__)
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


@blueprint.get("/reports")
@needs("see reports")
def page() -> str:
    """The month that is asked for, else the newest one that is told."""
    with opened() as (session, now):
        today = now.astimezone(DOMINICA).date()
        wrong = ""
        try:
            when = month(request.args.get("month"), today)
        except InvalidInput as error:
            when, wrong = month(None, today), f"{error}."
        try:
            tables, made = kept.report(session, when, now, _keep())
            about = figures.made(made, when)
        except Refused as error:
            tables, about, wrong = [], "", wrong or f"{error}."
    return render_template(
        "reports/page.html", when=when, tables=[said(one) for one in tables],
        about=about, wrong=wrong, shown=shown, today=today, kinds=KINDS,
        later=_later(when, today),
    )  # fmt: skip


def _keep() -> timedelta:
    """How long what is counted is kept."""
    return site().settings.config.retention.log


def _later(when: Month, today: date) -> Month | None:
    return when.next if when.first < month(None, today).first else None


@blueprint.get("/reports/<code>.<kind>")
@needs("export reports", proof=True)
def export(code: str, kind: str) -> Response:
    """The month as a file; noted."""
    if kind not in KINDS:
        abort(404)
    with opened() as (session, now):
        when = month(code, now.astimezone(DOMINICA).date())
        tables, made = kept.report(session, when, now, _keep())
        about = figures.made(made, when)
        audited(session, "report exported", now, f"report:{when.code}", kind=kind)
    title = f"{site().settings.config.service.name}: {when.name}"
    write = {"csv": files.as_csv, "xlsx": files.as_xlsx, "pdf": files.as_pdf}[kind]
    data = write([said(one) for one in tables], title, about)
    answer = Response(data, content_type=KINDS[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="koudmen-{when.code}.{kind}"'
    return answer
