"""A Rasa that is slow, answers nonsense or another question, or is gone: everybody is answered, by phrases and menu."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from oncall.models import Case
from tests.faults.checker import settled, sids_taken
from tests.faults.house import House, Running
from tests.faults.people import addresses, messages
from tests.service import wait_until

pytestmark = pytest.mark.slow
PEOPLE = 100
DISCLOSURE = "mari m ap bat mwen"
NOBODY_KNOWS = {"intent": {"name": "dance", "confidence": 1.0}, "need": {"name": "gold", "confidence": 1.0}}
WRONG: dict[str, tuple[int, bytes]] = {
    "an error": (500, b"{}"),
    "no JSON": (200, b"<html>"),
    "nothing": (200, b""),
    "something else": (200, b'["a", 1, null]'),
    "codes that nobody knows": (200, json.dumps(NOBODY_KNOWS).encode()),
    "numbers that are none": (200, b'{"intent": {"name": "find", "confidence": "high"}}'),
}


class _Double(ThreadingHTTPServer):
    """In Rasa's place, on its port."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, status: int, body: bytes, after_s: float) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.status, self.body, self.after_s = status, body, after_s
        self.asked = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that stopped waiting is expected here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Double
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.asked.set()
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.after_s)
        self.close_connection = True  # else it would be asked on, when Rasa is back
        self.send_response(self.server.status)
        self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_GET(self) -> None:
        """Its status, which the health page asks for."""
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silent."""


@contextmanager
def instead(house: House, status: int = 200, body: bytes = b"{}", after_s: float = 0.0) -> Iterator[None]:
    """Rasa is killed, and somebody else answers at its address: when this begins it has been asked."""
    house.kill("rasa")
    server = _Double(house.rasa_port, status, body, after_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        _until_asked(house, server)
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _until_asked(house: House, server: _Double) -> None:
    """After the test before, the workers may leave it alone for some seconds (`breaker_pause`)."""
    others = iter(addresses(PEOPLE + 101)[PEOPLE + 1 :])

    def asked() -> bool:
        house.double.flood([(next(others), f"i need food at {time.monotonic()}")])
        return server.asked.wait(0.5)

    wait_until(asked, "it is asked", 40)


@pytest.mark.parametrize("answer", WRONG)
def test_a_rasa_that_answers_nonsense_changes_nothing_about_danger(house_without_rasa: House, answer: str) -> None:
    status, body = WRONG[answer]
    with instead(house_without_rasa, status, body):
        _answered_and_paged(house_without_rasa)


def test_a_slow_rasa_is_not_waited_for(house_without_rasa: House) -> None:
    with instead(house_without_rasa, after_s=3.0):
        _answered_and_paged(house_without_rasa)


def test_a_rasa_that_is_gone_is_not_missed(house: House) -> None:
    house.kill("rasa")
    _answered_and_paged(house)


def test_harm_that_only_rasa_hears_is_paged_when_it_is_back(house: House) -> None:
    house.officer()
    house.kill("rasa")
    [who] = addresses(1)
    flood = house.double.flood([(who, "he fling the food on the wall because it was cold")])
    assert settled(house, sids_taken(flood)).faults == {}
    assert _codes(house) == []
    house.start("rasa")
    house.rasa_answers()
    wait_until(lambda: bool(_codes(house)), "it is heard", 60)
    [code] = _codes(house)
    wait_until(lambda: any(code in page.text for page in house.pages()), "it is paged", 30)


def _codes(house: House) -> list[str]:
    with house.sessions() as session:
        return list(session.scalars(select(Case.code)))


def _answered_and_paged(house: House) -> None:
    house.officer()
    people = addresses(PEOPLE + 1)
    run = Running(house, [(people[-1], DISCLOSURE), *messages(PEOPLE)], rate=60)
    flood = run.ended()
    assert flood.statuses == {204: PEOPLE + 1}
    assert settled(house, sids_taken(flood)).faults == {}
    wait_until(lambda: bool(house.pages()), "the disclosure is paged", 20)
    assert house.dead() == []
