"""The address outside is called only while all is well: what watches it sees that nobody is paged any more."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from base.clock import now
from base.db import transaction
from base.heartbeat import beat
from koudmen.engine import Engine
from koudmen.runtime import Runtime, make_runtime
from messaging import inbox
from messaging.inbound import Inbound
from messaging.inbox import Arrival
from oncall import rota, staff
from oncall.models import Staff
from tests.conftest import make_settings

PARTS = ("engine", "sweeper", "worker turn", "worker send", "worker protect")


class Outside(HTTPServer):
    """Counts who calls."""

    calls = 0


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Outside)
        self.server.calls += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def runtime(
    tmp_path: Path, database_url: str, redis_url: str, sessions: sessionmaker[Session], outside: Outside
) -> Iterator[Runtime]:
    """An engine's runtime while every part is alive and an officer is on duty at every level."""
    ping = f"http://127.0.0.1:{outside.server_port}/alive"
    made = make_runtime(make_settings(tmp_path, DATABASE_URL=database_url, REDIS_URL=redis_url, KOUDMEN_PING_URL=ping))
    with transaction(sessions) as session:
        for part in PARTS:
            beat(session, part, "ok")
        for level, phone in ((1, "+17675550197"), (2, "+17675550198")):
            who = Staff(
                name=f"Level {level}", roles=["officer"], phone=phone, phone_lookup=staff.phone_lookup(phone),
                phone_verified_at=now(), languages=["en", "ht"],
            )  # fmt: skip
            session.add(who)
            session.flush()
            rota.add_shift(session, who.id, level, now() - timedelta(hours=1), now() + timedelta(days=60), now())
    yield made
    made.engine.dispose()


def test_it_is_called_while_all_is_well(runtime: Runtime, outside: Outside) -> None:
    Engine(runtime).look_after()
    assert outside.calls == 1


def test_it_is_not_called_while_a_message_waits_unread(
    runtime: Runtime, outside: Outside, sessions: sessionmaker[Session]
) -> None:
    with transaction(sessions) as session:
        long_ago = now() - timedelta(minutes=5)
        inbox.receive_many(session, [Arrival(Inbound("test", "SM1", "sms", "+17675550101", "bonjou"), long_ago)])
    Engine(runtime).look_after()
    assert outside.calls == 0


def test_it_is_not_called_while_nobody_is_on_duty(
    runtime: Runtime, outside: Outside, sessions: sessionmaker[Session]
) -> None:
    with transaction(sessions) as session:
        for who in session.query(Staff):
            who.phone_verified_at = None
    Engine(runtime).look_after()
    assert outside.calls == 0
