"""How Twilio calls us: signed form posts over kept-alive connections, as cheap as a load generator needs."""

import base64
import hmac
import select
import socket
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
TIMEOUT = 15.0  # seconds, Twilio's own
_quoted = lru_cache(maxsize=2000)(quote_plus)  # most of what a post says is the same in each


class Response(NamedTuple):
    """Status 0 means that no answer came; `body` then says why."""

    status: int
    content_type: str
    body: bytes
    seconds: float


@dataclass(slots=True)
class Account:
    """Who we are at Twilio and where our webhooks are: known to the world as `public_base_url`, reached at `target`.
    `shared_key` (id, secret) turns on the newer HMAC-SHA256 signatures."""

    sid: str
    auth_token: str
    public_base_url: str
    target: str
    shared_key: tuple[str, str] | None = None

    def signature(self, url: str, params: Mapping[str, str]) -> dict[str, str]:
        """The headers that sign a post of `params` to `url` (its public form)."""
        text = url + "".join(name + params[name] for name in sorted(params))
        secret, algorithm = (self.shared_key[1], "sha256") if self.shared_key else (self.auth_token, "sha1")
        mac = hmac.digest(secret.encode(), text.encode(), algorithm)
        headers = {"X-Twilio-Signature": base64.b64encode(mac).decode()}
        if self.shared_key:
            headers["X-Twilio-Webhooks-Signature-Settings"] = f"key={self.shared_key[0]},algorithm=HMAC_SHA256"
        return headers

    def reach(self, url: str) -> str:
        """Where to connect for a public address of ours; any other address as it is."""
        if self.target and url.startswith(self.public_base_url):
            return self.target + url[len(self.public_base_url) :]
        return url


class Wire:
    """One kept-alive HTTP/1.1 connection. Not for several threads at once."""

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket:
            self._reader.close()
            self._socket.close()
            self._socket = None

    def exchange(self, request: bytes) -> Response:
        """Send one request and read its answer; a broken connection gives status 0."""
        began = time.perf_counter()
        try:
            self._connect()
            status, content_type, body = self._exchange(request)
        except (OSError, ValueError) as error:
            self.close()
            status, content_type, body = 0, "", repr(error).encode()
        return Response(status, content_type, body, time.perf_counter() - began)

    def _connect(self) -> None:
        if self._socket and self._stale():
            self.close()
        if not self._socket:
            self._socket = socket.create_connection(self.address, TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = self._socket.makefile("rb")

    def _stale(self) -> bool:
        """Whether the other side has closed the idle connection: it has something to read before we asked."""
        assert self._socket
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def _exchange(self, request: bytes) -> tuple[int, str, bytes]:
        assert self._socket
        self._socket.sendall(request)
        line = self._reader.readline(65536)
        if not line:
            raise ConnectionError("closed without an answer")
        status = int(line.split(b" ", 2)[1])
        headers = self._headers()
        body = self._body(status, headers)
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return status, headers.get(b"content-type", b"").decode("latin-1"), body

    def _headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        while (line := self._reader.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        return headers

    def _body(self, status: int, headers: dict[bytes, bytes]) -> bytes:
        if status in (204, 304):
            return b""
        if b"content-length" in headers:
            return self._reader.read(int(headers[b"content-length"]))
        if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
            headers[b"connection"] = b"close"
            return self._reader.read()
        chunks = []
        while size := int(self._reader.readline().split(b";")[0], 16):
            chunks.append(self._reader.read(size))
            self._reader.readline()
        self._reader.readline()
        return b"".join(chunks)


class Caller:
    """Posts to our webhooks with as many connections as are in use at once."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._idle: dict[tuple[str, int], deque[Wire]] = {}

    def post(self, url: str, params: Mapping[str, str]) -> Response:
        """A signed form post to `url`, given in its public form."""
        return self.send(url, self.encode(url, params))

    def send(self, url: str, request: bytes) -> Response:
        """Send a request made by `encode` to where `url` is served."""
        idle = self._idle.setdefault(self.address(url), deque())
        try:
            wire = idle.pop()
        except IndexError:
            wire = Wire(*self.address(url))
        response = wire.exchange(request)
        idle.append(wire)
        return response

    def address(self, url: str) -> tuple[str, int]:
        """Host and port that serve `url`. Only plain HTTP: a test has no certificates."""
        parts = urlsplit(self.account.reach(url))
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the double cannot reach {parts.scheme}://{parts.netloc}: give it `target`")
        return parts.hostname, parts.port or 80

    def encode(
        self,
        url: str,
        params: Mapping[str, str],
        *,
        signature: str = "good",
        content_type: str = FORM,
        raw_body: bytes | None = None,
    ) -> bytes:
        """The bytes of a post. `signature` is good, missing or forged. A `raw_body` that is a form is signed by what
        is in it, any other by the address alone."""
        url = url.partition("#")[0]  # connection overrides never leave Twilio
        body = urlencode(params, quote_via=_quoted).encode() if raw_body is None else raw_body
        if raw_body is not None:
            form = raw_body.decode("utf-8", "replace") if "form-urlencoded" in content_type else ""
            params = dict(parse_qsl(form, keep_blank_values=True))
        headers = self._headers(url, params, signature)
        parts, reached = urlsplit(url), urlsplit(self.account.reach(url))
        path = (reached.path or "/") + (f"?{reached.query}" if reached.query else "")
        lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body

    def _headers(self, url: str, params: Mapping[str, str], signature: str) -> dict[str, str]:
        headers = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*", "I-Twilio-Idempotency-Token": str(uuid.uuid4())}
        if signature == "missing":
            return headers
        headers |= self.account.signature(url, params)
        if signature == "forged":
            headers["X-Twilio-Signature"] = base64.b64encode(b"not the real signature").decode()
        return headers

    def close(self) -> None:
        """Close the idle connections."""
        for wires in self._idle.values():
            while wires:
                wires.pop().close()
