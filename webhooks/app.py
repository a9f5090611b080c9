"""Makes the public application: Flask, and what stands before it."""

import gc

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from base import log
from base.crypto import load_keys
from base.db import make_engine, make_sessions, use_keys
from base.settings import Settings, check_ready_for_people, load_settings
from messaging.bell import Bell
from messaging.intake import Intake
from messaging.sender import check_lines
from messaging.spool import Spool
from webhooks import gateway, health, hsds, simulator, twilio, voice
from webhooks.context import LARGEST_BODY, Context
from webhooks.front import Front
from webhooks.limit import Buckets

SLOWEST_S = 15  # a statement of an answer: Twilio waits as long
logger = log.get(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """The application, ready to serve. Raises ConfigError when the settings do not allow real texters."""
    settings = settings or load_settings()
    log.setup("web", level=settings.log_level)
    check_ready_for_people(settings)
    check_lines(settings)
    app = Flask(__name__, static_folder=None, template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1  # one more, so that a longer one is seen to be: `body`
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY
    app.extensions["koudmen"] = make_context(settings)
    for blueprint in (twilio.blueprint, voice.blueprint, gateway.blueprint, health.blueprint, hsds.blueprint):
        app.register_blueprint(blueprint)
    if settings.simulator:
        app.register_blueprint(simulator.blueprint)
    app.register_error_handler(Exception, _error)
    app.after_request(_secured)
    return app


def create_front(settings: Settings | None = None) -> Front:
    """The application as the server calls it (ASGI)."""
    app = create_app(settings)
    front = Front(app.extensions["koudmen"], app, _refused, HEADERS.items())
    gc.freeze()
    return front


def make_context(settings: Settings) -> Context:
    """Connections and keys the views need."""
    use_keys(load_keys(settings.keys, settings.home))
    engine = make_engine(
        settings.database_url or "", pool_size=16, pool_timeout_s=5, statement_s=SLOWEST_S, whole_tables=False
    )
    bell, spool = Bell(settings.redis_url), Spool(settings.spool)
    spool.check()
    intake = Intake(engine, spool, settings.config.outbox, lambda: bell.ring("turn"))
    intake.start()
    limit = settings.config.hsds
    buckets = Buckets(limit.per_minute, limit.burst)
    return Context(settings, engine, make_sessions(engine), bell, intake, buckets)


def _error(error: Exception) -> Response:
    """A short plain answer; never a stack trace."""
    if request.path.startswith(f"{hsds.PREFIX}/"):
        if not isinstance(error, HTTPException):
            _tell(error, str(request.url_rule), request.method)
        return hsds.problem(error if isinstance(error, HTTPException) else ServiceUnavailable())
    return _plain(error, str(request.url_rule), request.method)


def _plain(error: Exception, path: str, method: str) -> Response:
    if isinstance(error, HTTPException):
        return Response(f"{error.name}\n", mimetype="text/plain", status=error.code or 500)
    _tell(error, path, method)
    return Response("Not now, try again\n", mimetype="text/plain", status=503)


def _tell(error: Exception, path: str, method: str) -> None:
    logger.error("request failed", path=path, method=method, exc_info=error)


def _refused(error: Exception, path: str) -> Response:
    """As `_error`, for a post that did not come through Flask; `path` is one of our own addresses."""
    return _secured(_plain(error, path, "POST"))


HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def _secured(response: Response) -> Response:
    response.headers.pop("Date", None)  # the server has its own
    kept = response.headers.get("Cache-Control")
    response.headers.update(HEADERS if kept is None else HEADERS | {"Cache-Control": kept})
    return response
