"""Liveness, readiness with each part named, and metrics."""

import hmac
import os
from collections.abc import Iterator, Mapping

import orjson
import urllib3
from flask import Blueprint, Response, abort, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from base.heartbeat import ages
from base.settings import Settings
from messaging import queues
from messaging.spool import Spool
from oncall import cases
from oncall.figures import figures, open_alarms
from webhooks.context import context

blueprint = Blueprint("health", __name__)
_HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(total=1.5), retries=False)
SILENT_S = 60.0  # a process that has not beaten for so long is named
SELDOM_S = {"reconciler": 1800.0}  # these beat after each of their rounds

_COUNTS = text("""
SELECT
  (SELECT count(*) FROM inbound_message WHERE handled_at IS NULL) AS inbound_waiting,
  (SELECT count(*) FROM outbound_message WHERE state = 'queued') AS outbound_queued,
  (SELECT count(*) FROM outbound_message WHERE state = 'unknown') AS outbound_unknown,
  (SELECT count(*) FROM unread_message WHERE done_at IS NULL) AS unread_open,
  (SELECT count(*) FROM service) AS services
""")


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """200 when messages can be taken in, 503 when not; every part by name either way."""
    here = context()
    parts, counts, open_cases, raised = database(here.sessions)
    parts |= around(here.settings, here.intake.spool)
    body = {
        "ready": parts["database"] == "ok",
        "parts": parts,
        "rehearsal": here.settings.rehearsal,
        "counts": counts,
        "cases": open_cases,
        "alarms": {kind: count for kind, count in raised.items() if count},
    }
    return Response(orjson.dumps(body), status=200 if body["ready"] else 503, mimetype="application/json")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text. With KOUDMEN_METRICS_TOKEN set, only for its bearer."""
    here = context()
    token = here.settings.metrics_token
    given = request.headers.get("Authorization", "")
    if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        abort(403)
    _, counts, open_cases, raised = database(here.sessions)
    spool = here.intake.spool
    counts |= {"spool_files": len(spool.names()), "spool_damaged": spool.damaged()}
    text_ = generate_latest(_counters()) + generate_latest(_Gauges(counts, open_cases, raised))
    return Response(text_, mimetype=CONTENT_TYPE_LATEST)


class _Gauges:
    """What the database says now. (A Gauge would also be written to the files that several processes share.)"""

    def __init__(self, counts: Mapping[str, float], open_cases: Mapping[str, int], raised: Mapping[str, int]) -> None:
        self.counts, self.open_cases, self.raised = counts, open_cases, raised

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, value in self.counts.items():
            yield GaugeMetricFamily(f"koudmen_{name}", name.replace("_", " "), value=value)
        by_state = GaugeMetricFamily("koudmen_open_cases", "Cases not closed", labels=["state"])
        for state, count in self.open_cases.items():
            by_state.add_metric([state], count)
        yield by_state
        by_kind = GaugeMetricFamily("koudmen_alarms", "Open alarms about the watch itself", labels=["kind"])
        for kind, count in self.raised.items():
            by_kind.add_metric([kind], count)
        yield by_kind


def _counters() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def database(
    sessions: sessionmaker[Session],
) -> tuple[dict[str, str], dict[str, float], dict[str, int], dict[str, int]]:
    """What the database says: parts by name, counts, open cases by state, open alarms by kind."""
    try:
        with sessions() as session:
            row = session.execute(_COUNTS).mappings().one()
            beats = ages(session)
            open_cases, raised = cases.counts(session), open_alarms(session)
            duty, waited = figures(session), queues.ages(session)
    except SQLAlchemyError as error:
        return {"database": f"away ({type(error).__name__})"}, {}, {}, {}
    counts = {name: float(value) for name, value in row.items()} | duty
    counts |= {f"{name}_oldest_s": age for name, age in waited.items()}
    counts |= {f"{name}_alarm": float(queues.level(name, age)) for name, age in waited.items()}
    parts = {"database": "ok", "directory": "ok" if counts["services"] else "empty", "queues": queues.told(waited)}
    for name, (age, note) in sorted(beats.items()):
        parts[name] = f"silent for {age:.0f} s" if age > SELDOM_S.get(name, SILENT_S) else note or "ok"
    return parts, counts, open_cases, raised


def around(settings: Settings, spool: Spool) -> dict[str, str]:
    """The parts beside the database, by name: these are asked over the network, never within a transaction."""
    return {"spool": _spool(spool), "redis": _redis(settings), "rasa": _rasa(settings)} | _settings(settings)


def _spool(spool: Spool) -> str:
    waiting, damaged = len(spool.names()), spool.damaged()
    said = [f"{waiting} files wait for the database"] if waiting else []
    return "; ".join(said + [f"{damaged} files could not be taken in"] * bool(damaged)) or "ok"


def _redis(settings: Settings) -> str:
    if not settings.redis_url:
        return "not set"
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1) as redis:
            redis.ping()
    except (RedisError, OSError) as error:
        return f"away ({type(error).__name__}): the sweeper goes on"
    return "ok"


def _rasa(settings: Settings) -> str:
    if not settings.rasa_url:
        return "not set: keywords, phrases and word weights only"
    query = f"?token={settings.rasa_token}" if settings.rasa_token else ""
    try:
        answer = _HTTP.request("GET", f"{settings.rasa_url.rstrip('/')}/status{query}")
    except urllib3.exceptions.HTTPError as error:
        return f"away ({type(error).__name__}): keywords, phrases and word weights only"
    return "ok" if answer.status == 200 else f"answers {answer.status}"


def _settings(settings: Settings) -> dict[str, str]:
    waiting = [n.number for n in settings.config.emergency if not n.confirmed]
    return {
        "emergency numbers": f"not confirmed: {', '.join(waiting)}" if waiting else "confirmed",
        "twilio": "on" if settings.twilio else "off",
        "simulator": "on" if settings.simulator else "off",
    }
