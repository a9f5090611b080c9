"""A small HTTP/1.1 server with keep-alive: one thread a connection, nothing parsed that nobody reads."""

import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

Headers = dict[str, str]
REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass(slots=True, frozen=True)
class Request:
    """What came in; header names in lower case."""

    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(slots=True, frozen=True)
class Reply:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: tuple[str, ...] = ()


# An answer of None closes the connection without a word.
Answer = Callable[[Request], Reply | None]


class _Connection(socketserver.StreamRequestHandler):
    server: "HttpServer"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.server.opened(self.connection)
        try:
            while self._exchange():
                pass
        except OSError:
            pass  # the other side is gone, or we are stopping
        finally:
            self.server.closed(self.connection)

    def _exchange(self) -> bool:
        request = self._read()
        if request is None:
            return False
        reply = self.server.answer(request)
        if reply is None:
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        self.connection.sendall(_encode(reply, keep))
        return keep

    def _read(self) -> Request | None:
        line = self.rfile.readline(65536)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: Headers = {}
        while (line := self.rfile.readline(65536)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        size = int(headers.get("content-length", 0))
        body = self.rfile.read(size)
        if not line or len(body) < size:  # the connection was cut in the middle of the request
            return None
        return Request(method, target, headers, body)


def _encode(reply: Reply, keep: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Error')}",
        *reply.headers,
        f"Connection: {'keep-alive' if keep else 'close'}",
    ]
    if reply.status != 204:
        lines += ["Content-Type: application/json;charset=utf-8", f"Content-Length: {len(reply.body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + reply.body


class HttpServer(socketserver.ThreadingTCPServer):
    """Serves `answer` on host and port (0: any free one) until `stop`. `failed` is told of an error in `answer`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, answer: Answer, failed: Callable[[BaseException], None]) -> None:
        super().__init__((host, port), _Connection)
        self.answer = answer
        self._failed = failed
        self._open: set[socket.socket] = set()
        self._change = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, name="twilio-double", daemon=True)

    def start(self) -> None:
        """Begin to serve, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Close every connection and wait for their threads. A second call does nothing."""
        if self._stopping:
            return
        self._stopping = True
        host, port = self.socket.getsockname()[:2]
        socket.create_connection((host, port)).close()  # wakes the thread in `accept`
        self._thread.join()
        self.server_close()
        self.cut()
        with self._change:
            self._change.wait_for(lambda: not self._open, timeout=2)

    def _accept(self) -> None:
        while True:
            connection, address = self.socket.accept()
            if self._stopping:
                connection.close()
                return
            self.process_request(connection, address)

    def cut(self) -> None:
        """Close every open connection, as a restart of Twilio's front end would."""
        with self._change:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # closed already

    def opened(self, connection: socket.socket) -> None:
        with self._change:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._change:
            self._open.discard(connection)
            self._change.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        if error:
            self._failed(error)
