"""Makes the public Flask application."""

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
    app.after_request(_headers)
    gc.freeze()
    return app


def make_context(settings: Settings) -> Context:
    """Connections and keys the views need."""
    use_keys(load_keys(settings.keys, settings.home))
    engine = make_engine(settings.database_url or "", pool_size=16, pool_timeout_s=5, statement_s=SLOWEST_S)
    bell, spool = Bell(settings.redis_url), Spool(settings.spool)
    spool.check()
    intake = Intake(engine, spool, settings.config.outbox, lambda: bell.ring("turn"))
    intake.start()
    limit = settings.config.hsds
    buckets = Buckets(limit.per_minute, limit.burst)
    return Context(settings, engine, make_sessions(engine), bell, intake, buckets)


def _error(error: Exception) -> Response:
    """A short plain answer; never a stack trace."""
    of_api = request.path.startswith(f"{hsds.PREFIX}/")
    if isinstance(error, HTTPException) and of_api:
        return hsds.problem(error)
    if isinstance(error, HTTPException):
        code = error.code or 500
        return Response(f"{error.name}\n", mimetype="text/plain", status=code)
    logger.error("request failed", path=str(request.url_rule), method=request.method, exc_info=error)
    return (
        hsds.problem(ServiceUnavailable())
        if of_api
        else Response("Not now, try again\n", mimetype="text/plain", status=503)
    )


def _headers(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return response
