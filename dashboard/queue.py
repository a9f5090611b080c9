"""The queue page: the worst case first, told live, taken with one click."""

from flask import Blueprint, Response, current_app, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from dashboard import live, queue_filters, queue_rows, shown
from dashboard.accounts import sessions
from dashboard.permissions import needs
from dashboard.queue_board import Board, board
from dashboard.queue_filters import Filters
from dashboard.web import audited, may, me, my_session, opened
from dashboard.words import _
from oncall import handling
from oncall.handling import Answer as Outcome

blueprint = Blueprint("queue", __name__)
LEFT = "X-Koudmen-Left"  # seconds until this session ends by itself, unless its owner asks for a page


@blueprint.get("/queue")
@needs("see the queue")
def page() -> str:
    filters = queue_filters.read(request.args)
    return render_template("queue/page.html", **_look(filters).told(me().id))


@blueprint.get("/queue/rows")
@needs("see the queue", live=True)
def rows() -> Answer:
    """The part of the page that changes, without the page around it. Unchanged since it was last fetched: 304."""
    filters = queue_filters.read(request.args)
    key = (filters, may("work on a case"), me().id if filters.mine else None)
    found = hub().remembered(key, lambda: _look(filters)).told(me().id)
    answer = Response(current_app.jinja_env.get_template("queue/rows.html").render(found))
    answer.headers[LEFT] = str(int(sessions.left(my_session(), g.now).total_seconds()))
    answer.add_etag()
    return answer.make_conditional(request)


@blueprint.get("/live")
@needs("see the queue", live=True)
def changes() -> Answer:
    """Says each time that the queue has changed (server-sent events), and when the session ends."""
    stream = hub().subscribe(my_session().id)
    if stream is None:
        return Response("too many live pages\n", 503, {"Retry-After": "60"}, mimetype="text/plain")
    return Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


@blueprint.post("/queue/<code>/take")
@needs("work on a case")
def take(code: str) -> Answer:
    """Take a case; somebody who was quicker is named."""
    filters = queue_filters.read(request.args)
    with opened() as (session, now):
        case = handling.by_code(session, code)[0] if code.isdigit() else None
        outcome = handling.acknowledge(session, case.id, me().id, now) if case else Outcome("unknown", code)
        if outcome.case_id:
            done = "case taken" if outcome.kind == "taken" else "case not taken"
            audited(session, done, now, f"case:{outcome.case_id}", why=outcome.kind)
    flash(_outcome(outcome))
    return redirect(url_for("queue.page") + ("?" + filters.query() if filters.any else ""), 303)


def hub() -> live.Hub:
    """This application's."""
    found: live.Hub = current_app.extensions["live"]
    return found


def _look(filters: Filters) -> Board:
    with opened() as (session, now):
        found = queue_rows.look(session, filters, me().id, now)
    return board(found, filters, now, may_take=may("work on a case"))


def _outcome(outcome: Outcome) -> str:
    """What became of taking a case, for the one who pressed the button."""
    since = shown.local(outcome.since)
    told = {
        "taken": _("Case %(code)s is yours now. Open it, and answer the person."),
        "yours": _("You have case %(code)s already."),
        "held": _("%(owner)s has had case %(code)s since %(since)s. You can ask them to pass it on."),
        "closed": _("Case %(code)s is closed."),
        "unknown": _("There is no open case %(code)s any more."),
    }.get(outcome.kind, _("You may not take case %(code)s."))
    return told % {"code": outcome.code, "owner": outcome.owner, "since": since}
