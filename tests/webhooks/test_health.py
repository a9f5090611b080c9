"""Liveness, readiness, metrics."""

from pathlib import Path

import orjson
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from base.heartbeat import beat
from tests.conftest import KEYS
from tests.service import Service, free_port
from tests.webhooks.caller import Caller, sms
from tests.webhooks.conftest import METRICS_TOKEN


def test_healthz_is_alive(twilio_web: Caller) -> None:
    answer = twilio_web.get("/healthz")
    assert (answer.status, answer.data) == (200, b"ok\n")


def test_readyz_names_each_part(twilio_web: Caller) -> None:
    body = orjson.loads(twilio_web.get("/readyz").data)
    assert body["ready"] is True
    assert body["rehearsal"] is True
    parts = body["parts"]
    assert (parts["database"], parts["directory"], parts["redis"]) == ("ok", "ok", "ok")
    assert parts["rasa"] == "not set: keywords, phrases and word weights only"
    assert parts["emergency numbers"] == "not confirmed: 999, 911"
    assert (parts["twilio"], parts["simulator"]) == ("on", "off")


def test_readyz_counts_what_waits(twilio_web: Caller) -> None:
    twilio_web.post(sms())
    counts = orjson.loads(twilio_web.get("/readyz").data)["counts"]
    assert counts["inbound_waiting"] == 1
    assert counts["outbound_queued"] == 0


def test_a_process_that_has_fallen_silent_is_named(
    twilio_web: Caller, engine: Engine, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, session.begin():
        beat(session, "a test", "ok")
    assert orjson.loads(twilio_web.get("/readyz").data)["parts"]["a test"] == "ok"
    with engine.begin() as connection:
        connection.execute(text("UPDATE heartbeat SET at = now() - interval '90 s' WHERE name = 'a test'"))
    assert orjson.loads(twilio_web.get("/readyz").data)["parts"]["a test"] == "silent for 90 s"
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM heartbeat WHERE name = 'a test'"))


def test_metrics_are_prometheus_text(twilio_web: Caller) -> None:
    twilio_web.post(sms())
    answer = twilio_web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.data.decode().splitlines()
    assert "koudmen_inbound_waiting 1.0" in lines
    assert any(line.startswith('koudmen_inbound_messages_total{channel="sms",outcome="new"}') for line in lines)
    assert "+1767" not in answer.data.decode()


def test_metrics_with_a_token_are_only_for_its_bearer(open_web: Caller) -> None:
    assert open_web.get("/metrics", Authorization=f"Bearer {METRICS_TOKEN}").status == 200
    for given in ("", METRICS_TOKEN, "Bearer ", "Bearer wrong", f"Basic {METRICS_TOKEN}", "Bearer é"):
        assert open_web.get("/metrics", Authorization=given).status == 403, given
    assert open_web.get("/metrics").status == 403
    assert open_web.get(f"/metrics?token={METRICS_TOKEN}").status == 403


def test_without_database_redis_and_rasa_each_is_named_and_nothing_else(tmp_path: Path) -> None:
    away = free_port()
    env = {
        "KOUDMEN_HOME": str(tmp_path), "KOUDMEN_KEYS": KEYS, "PORT": str(free_port()),
        "DATABASE_URL": f"postgresql://someone:the-password@127.0.0.1:{away}/none",
        "REDIS_URL": f"redis://:the-password@127.0.0.1:{away}", "RASA_URL": f"http://127.0.0.1:{away}",
        "RASA_TOKEN": "the-password",
    }  # fmt: skip
    service = Service(env, tmp_path)
    service.start("web")
    try:
        web = Caller(service.url, service.url)
        answer = web.get("/readyz")
        assert answer.status == 503
        parts = orjson.loads(answer.data)["parts"]
        assert all(parts[name].startswith("away (") for name in ("database", "redis", "rasa"))
        assert web.get("/healthz").status == 200
        said = web.send(
            "/simulator/messages",
            b'{"mode":"sms","number":"+17675550101","text":"ede m"}',
            Content_Type="application/json",
        )
        assert (said.status, said.data) == (503, b"Not now, try again\n")
        assert web.get("/metrics").status == 200
    finally:
        service.stop()
    assert b"the-password" not in answer.data
    assert "the-password" not in service.logs()
    assert "ede m" not in service.logs()
