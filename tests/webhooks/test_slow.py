"""Requests that come slowly, or break off, hold up nobody else."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import uvicorn
from sqlalchemy import Engine

from koudmen import gunicorn_web
from tests.service import free_port, wait_until
from tests.webhooks.caller import FORM, INBOUND, Caller, rows, sign, sms

MANY = 150  # far more than any server has threads


def _head(web: Caller, fields: list[tuple[str, str]], length: int) -> bytes:
    lines = (
        f"POST {INBOUND} HTTP/1.1", f"Host: {urlsplit(web.url).netloc}", f"Content-Type: {FORM}",
        f"X-Twilio-Signature: {sign(web.public + INBOUND, fields)}", f"Content-Length: {length}",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("part", ["half a line", "half the headers", "half a body"])
def test_many_that_come_slowly_keep_nobody_waiting(twilio_web: Caller, engine: Engine, part: str) -> None:
    fields = sms()
    body = urlencode(fields).encode()
    whole = _head(twilio_web, fields, len(body)) + body
    cut = {"half a line": 10, "half the headers": 80, "half a body": len(whole) - 20}[part]
    where = urlsplit(twilio_web.url)
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((where.hostname or "", where.port or 0), 10))
            for _ in range(MANY)
        ]
        for wire in slow:
            wire.sendall(whole[:cut])
        assert twilio_web.post(sms()).status == 204
        assert twilio_web.get("/healthz").status == 200
        slow[0].sendall(whole[cut:])  # one of them comes to its end
        assert slow[0].recv(20).startswith(b"HTTP/1.1 204")
    assert rows(engine)["inbound_message"] == 2


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that gives a request half a second to come."""
    monkeypatch.setattr(gunicorn_web, "SLOWEST_REQUEST_S", 0.5)

    async def fine(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    options = gunicorn_web.Worker.CONFIG_KWARGS | {"port": free_port(), "log_level": "critical"}
    server = uvicorn.Server(uvicorn.Config(fine, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "it listens")
    yield options["port"]
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_does_not_come_to_an_end_is_cut_off(hasty: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", hasty), 10) as wire:
        wire.sendall(said)
        began = time.monotonic()
        with suppress(ConnectionResetError):
            assert wire.recv(1) == b""
        assert time.monotonic() - began > 0.3


def test_who_has_been_answered_may_rest_and_ask_again(hasty: int) -> None:
    with socket.create_connection(("127.0.0.1", hasty), 10) as wire:
        for _ in range(2):
            wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.recv(1000).startswith(b"HTTP/1.1 204")
            time.sleep(0.8)


@pytest.mark.parametrize(
    "more", ["".join(f"X-{n}: 1\r\n" for n in range(80)), f"X-Long: {'x' * 9000}\r\n"], ids=["many", "long"]
)
def test_too_many_headers_and_too_long_ones_are_refused(twilio_web: Caller, more: str) -> None:
    answer = twilio_web.exchange(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_header_that_does_not_end_is_refused_and_others_are_answered_meanwhile(twilio_web: Caller) -> None:
    where = urlsplit(twilio_web.url)
    with socket.create_connection((where.hostname or "", where.port or 0), 10) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
        sent = 0
        with suppress(OSError):
            while sent < 20_000_000:
                sent += wire.send(b"a" * 50_000)
        assert sent < 10_000_000
        assert twilio_web.post(sms()).status == 204


def test_who_sends_nothing_but_ends_of_lines_is_cut_off(hasty: int) -> None:
    with socket.create_connection(("127.0.0.1", hasty), 10) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.recv(1000).startswith(b"HTTP/1.1 204")
        wire.sendall(b"\r\n")
        with suppress(ConnectionResetError):
            assert wire.recv(1) == b""


def test_a_signature_in_a_trailer_or_under_a_name_alike_is_none(twilio_web: Caller, engine: Engine) -> None:
    fields = sms()
    body, signature = urlencode(fields).encode(), sign(twilio_web.public + INBOUND, fields)
    head = f"POST {INBOUND} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\n"
    chunked = f"{head}Transfer-Encoding: chunked\r\nTrailer: X-Twilio-Signature\r\n\r\n{len(body):x}\r\n".encode()
    trailer = f"\r\n0\r\nX-Twilio-Signature: {signature}\r\n\r\n".encode()
    assert b" 403 " in twilio_web.exchange(chunked + body + trailer)
    alike = f"{head}X_Twilio_Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert b" 403 " in twilio_web.exchange(alike + body)
    assert rows(engine) == {}


@pytest.mark.parametrize("cut", [0, 30, 170, 2])
def test_who_would_rather_speak_another_protocol_is_answered_in_this_one(
    twilio_web: Caller, engine: Engine, cut: int
) -> None:
    """As Java's client asks for with its first request over plain HTTP."""
    fields = sms()
    body = urlencode(fields).encode()
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    whole = _head(twilio_web, fields, len(body)).replace(b"\r\n\r\n", b"\r\n" + wish + b"\r\n") + body
    at = whole.index(b"\r\n\r\n") + 2 if cut == 2 else cut
    where = urlsplit(twilio_web.url)
    with socket.create_connection((where.hostname or "", where.port or 0), 10) as wire:
        wire.sendall(whole[:at])
        time.sleep(0.05)
        wire.sendall(whole[at:])
        assert wire.recv(1000).startswith(b"HTTP/1.1 204")
        wire.sendall(_head(twilio_web, fields, len(body)) + body)
        assert wire.recv(1000).startswith(b"HTTP/1.1 204")
    assert rows(engine)["inbound_message"] == 1
