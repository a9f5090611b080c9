"""Gunicorn's settings for the public application:

    gunicorn --config python:koudmen.gunicorn_web 'webhooks.app:create_front()'

Those of `koudmen.gunicorn_conf`, with uvicorn in each process: an event loop in place of threads. `WEB_WORKERS` says
how many processes.
"""

import asyncio
import os
import resource
import signal
import sys
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from koudmen.gunicorn_conf import *  # noqa: F403
from koudmen.gunicorn_conf import (
    WRONG_APPLICATION,
    limit_request_field_size,
    limit_request_fields,
    limit_request_line,
)

SLOWEST_REQUEST_S = 30.0  # from its first byte to its last
MOST_AT_ONCE = 64 * 1024  # bytes in a row that are neither a body nor the end of a head: nobody's headers are so long
ASKS_TO_UPGRADE = frozenset({b"upgrade", b"connection", b"http2-settings"})
FILES = 65_536  # each connection is one


class Protocol(HttpToolsProtocol):
    """Uvicorn's, with limits for what comes before a body, and for how long a request may take to come. A wish to speak
    another protocol is passed over."""

    slow: asyncio.TimerHandle | None = None
    since_progress = 0  # bytes
    in_body = False
    plain: bytes | None = None  # the head, without that wish, of a request that has it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._come()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._come()
        self.slow = self.loop.call_later(SLOWEST_REQUEST_S, self.transport.abort)

    def _come(self) -> None:
        if self.slow:
            self.slow.cancel()
            self.slow = None

    def data_received(self, data: bytes) -> None:
        self.since_progress += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as other:  # where the head ends
            self._as_plain(data[other.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning("request not understood")
            self.send_400_response("Invalid HTTP request received.")
        if self.transport.is_closing():
            return
        if self.since_progress > MOST_AT_ONCE:
            self.send_400_response("Too much before the end of a line.")
        elif not (self.slow or self.timeout_keep_alive_task or self._answering()):
            self._wait()  # what came begins no request

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def eof_received(self) -> bool:  # type: ignore[override]
        """Who has said all there is to say may still listen: whether the connection stays until the answer is given."""
        asked: RequestResponseCycle | None = self.cycle
        waits = asked is not None and not asked.more_body and not asked.response_complete
        if waits:
            self.cycle.keep_alive = False
        return waits

    def on_message_begin(self) -> None:
        self.in_body = False
        self._wait()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > limit_request_line:
            raise ValueError("the address is too long")
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Names with `_` are left out, which would be taken for those with `-`; so is what comes after a body."""
        if self.in_body or b"_" in name:
            return
        if len(self.headers) >= limit_request_fields or len(name) + len(value) > limit_request_field_size:
            raise ValueError("too many headers, or too long ones")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.since_progress, self.in_body = 0, True
        if self.parser.should_upgrade():
            self.plain = self._without_the_wish()
            return
        self.scope["extensions"] = {"koudmen.target": {"url": self.url}}  # as it was written: signed for
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.since_progress = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.since_progress = 0
        if self.plain:
            return
        self._come()
        super().on_message_complete()

    def _without_the_wish(self) -> bytes:
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("we are nobody's proxy")
        kept = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in ASKS_TO_UPGRADE]
        return b"".join([b"%s %s HTTP/1.1\r\n" % (self.parser.get_method(), self.url), *kept, b"\r\n"])

    def _as_plain(self, rest: bytes) -> None:
        """Begin the request anew with its plain head; `rest` came after it, and the parser leaves it to others."""
        head, self.plain = self.plain or b"", None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.data_received(head + rest)


class Worker(UvicornWorker):  # type: ignore[misc]
    """Uvicorn without access log (addresses of people would stand in it), websockets and its own belief in proxies
    (`base.caller` has ours). It ends when it is told to in any of gunicorn's ways, and when gunicorn is gone."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012
        "loop": "uvloop", "http": Protocol, "ws": "none", "lifespan": "off", "access_log": False,
        "server_header": False, "proxy_headers": False, "timeout_notify": 3,
    }  # fmt: skip

    def _install_sigquit_handler(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, self._end)

    async def callback_notify(self) -> None:
        self.notify()
        if os.getppid() != self.ppid:
            self._end()

    def _end(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # which uvicorn knows: what was asked is answered first


worker_class = "koudmen.gunicorn_web.Worker"


def when_ready(_server: Any) -> None:
    """As many files as we may have: mostly 1,024 are allowed until somebody asks."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def post_worker_init(worker: Any) -> None:  # type: ignore[no-redef]
    """Another application would start here, and answer nothing."""
    from webhooks.front import Front  # noqa: PLC0415 (the application's, not the master's)

    if not isinstance(worker.wsgi, Front):
        worker.log.error("koudmen.gunicorn_web serves webhooks.app:create_front() alone")
        sys.exit(WRONG_APPLICATION)
