"""Makes the staff application: a process and port of its own, closed by default (dashboard.guard)."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask, Response, g, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from base import log
from base.clock import now
from base.crypto import load_keys
from base.db import keys, make_engine, make_sessions, use_keys
from base.errors import InvalidInput, KoudmenError
from base.settings import Settings, load_settings
from dashboard import (
    calendar,
    case_prepared,
    directory_edit,
    directory_pages,
    guard,
    health,
    live,
    me,
    ministry,
    queue,
    report_pages,
    rota,
    shown,
    signin,
    staffing,
    unread,
    web,
    words,
)
from dashboard import log as audit_log
from dashboard.permissions import Action, public
from dashboard.words import N_, _
from messaging.bell import Bell
from webhooks.limit import Buckets

logger = log.get(__name__)
DATABASE_POOL = 8
SLOWEST_S = 30  # a statement of a page; the slowest we know (a report of a million messages) takes some seconds
PER_MINUTE, AT_ONCE = 1200, 600  # pages for one session, or one address where nobody is signed in: more is no person
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
BLUEPRINTS = (
    calendar.blueprint, signin.blueprint, ministry.blueprint, me.blueprint, queue.blueprint, case_prepared.blueprint,
    unread.blueprint, directory_pages.blueprint, directory_edit.blueprint, report_pages.blueprint, rota.blueprint,
    staffing.blueprint, audit_log.blueprint, health.blueprint,
)  # fmt: skip
# What stands at the head of every page: address, title, and who sees it.
MENU: tuple[tuple[str, str, Action], ...] = (
    ("/queue", N_("Queue"), "see the queue"),
    ("/unread", N_("Not understood"), "read what was not understood"),
    ("/directory", N_("Directory"), "see the directory"),
    ("/reports", N_("Reports"), "see reports"),
    ("/rota", N_("Rota"), "see the rota"),
    ("/accounts", N_("Accounts"), "change accounts"),
    ("/roles", N_("Roles to agree to"), "agree to roles"),
    ("/audit", N_("Audit log"), "see the audit log"),
    ("/health", N_("Health"), "see the service's health"),
)


def create_app(settings: Settings | None = None) -> Flask:
    """The staff application, ready to serve."""
    settings = settings or load_settings()
    log.setup("staff", level=settings.log_level)
    use_keys(load_keys(settings.keys, settings.home))
    engine = make_engine(  # an officer who waits for a connection is better served than one who is refused
        settings.database_url or "", pool_size=DATABASE_POOL, pool_timeout_s=SLOWEST_S, statement_s=SLOWEST_S
    )
    https = web.by_https(settings)
    app = Flask(__name__, static_folder="static")
    sessions = make_sessions(engine)
    app.extensions["koudmen"] = web.Site(
        settings, sessions, Bell(settings.redis_url), Buckets(PER_MINUTE, AT_ONCE)
    )  # fmt: skip
    app.extensions["live"] = live.Hub(sessions)
    app.config.update(
        SECRET_KEY=keys().lookup("flask", "staff site").hex(),
        SESSION_COOKIE_NAME="__Host-koudmen-form" if https else "koudmen-form",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,  # as long as the form's session: a page that was left open overnight says sign in
        MAX_CONTENT_LENGTH=guard.FORM,  # for each request the guard says how much (`_admit`)
        MAX_FORM_MEMORY_SIZE=guard.FORM,
        TEMPLATES_AUTO_RELOAD=False,
    )
    guard.protect(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/", view_func=home)
    _templates(app)
    app.register_error_handler(Exception, _error)
    app.after_request(_headers)
    return app


@public("says ok and nothing else")
def healthz() -> Response:
    return Response("ok\n", mimetype="text/plain")


@public("sends on to signing in, or to the first page one may see")
def home() -> Answer:
    mine = [address for address, _, action in MENU if web.may(action)]
    return redirect(mine[0] if mine else url_for("me.page" if g.staff else "signin.page"), 303)


def _templates(app: Flask) -> None:
    words.install(app.jinja_env)
    told: dict[str, Callable[..., object]] = {
        "may": web.may, "now": now, "local": shown.local, "day": shown.day, "span": shown.span, "ago": shown.ago,
        "clock": shown.clock, "iso": shown.iso,
    }  # fmt: skip
    app.jinja_env.globals.update(told)
    app.jinja_env.globals.update(MARK=shown.MARK, NAMES=shown.NAMES)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def context() -> dict[str, object]:
        settings = web.site().settings
        return {
            "staff": g.get("staff"), "rehearsal": settings.rehearsing, "service_name": settings.config.service.name,
            "menu": MENU, "ministry": settings.oidc is not None, "on_duty": web.on_duty(),
        }  # fmt: skip


def _error(error: Exception) -> Answer | tuple[str, int]:
    """A page in plain words; never a stack trace, never what was typed."""
    if isinstance(error, CSRFError):
        return _page(400, _("This page was open for too long"), _("Go back, load it again and send it once more."))
    if isinstance(error, HTTPException):
        code = error.code or 500
        told = {
            403: (_("This is not open to you"), _("If you need it, ask an administrator.")),
            404: (_("There is nothing here"), _("The address is wrong, or what was here is gone.")),
            413: (_("This is too large"), _("A form takes 1 MB, a file for the directory 20 MB.")),
        }.get(code, (error.name, ""))
        return error.get_response() if code < 400 else _page(code, *told)
    if isinstance(error, KoudmenError):
        return _page(400 if isinstance(error, InvalidInput) else 409, _("This was not done"), f"{error}.")
    logger.error("request failed", path=str(request.url_rule), method=request.method, exc_info=error)
    return _page(503, _("Not now"), _("Something is wrong on our side. Nothing was changed. Try again in a moment."))


def _page(code: int, title: str, text: str) -> tuple[str, int]:
    if request.headers.get(guard.FRAGMENT):
        return f"{title}. {text}\n", code
    return render_template("error.html", title=title, text=text), code


def _headers(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
    response.headers["Content-Security-Policy"] = POLICY
    if web.secure():
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
