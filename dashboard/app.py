"""Makes the staff application.

Signing in and the queue come with the staff site; until then it shows counts that name nobody, so that a
disclosure is at least seen to be there."""

from flask import Flask, Response, render_template
from sqlalchemy import func, select

from base import log
from base.crypto import load_keys
from base.db import make_engine, make_sessions, use_keys
from base.settings import Settings, load_settings
from bot.models import UnreadMessage
from dashboard import calendar
from oncall import cases


def create_app(settings: Settings | None = None) -> Flask:
    """The staff application, ready to serve."""
    settings = settings or load_settings()
    log.setup("staff", level=settings.log_level)
    use_keys(load_keys(settings.keys, settings.home))
    sessions = make_sessions(make_engine(settings.database_url or "", pool_size=4))
    app = Flask(__name__, static_folder="static")
    app.extensions["sessions"] = sessions
    app.register_blueprint(calendar.blueprint)

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/")
    def home() -> str:
        with sessions() as session:
            open_cases = cases.counts(session)
            unread = session.scalar(select(func.count()).where(UnreadMessage.done_at.is_(None))) or 0
        return render_template("home.html", cases=open_cases, unread=unread, rehearsal=settings.rehearsal)

    app.after_request(_headers)
    return app


def _headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    return response
