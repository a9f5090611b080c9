"""The public application as the server sees it (ASGI): takes a request in, and hands it to Flask in a thread when it is
whole; Twilio's messages and delivery reports, three requests for each answer given, go a short way without either.

The short way takes what looks as Twilio's requests do; whatever is unusual about one (its method, its type) goes
Flask's way. Both ways check and write with the same functions (`webhooks.twilio`). A request that is long in coming, or
that waits for the database, holds no thread.
"""

from collections.abc import Awaitable, Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from a2wsgi import WSGIMiddleware
from werkzeug.wrappers import Response

from base.settings import Twilio
from messaging.twilio import SETTINGS, SIGNATURE
from webhooks import twilio
from webhooks.context import LARGEST_BODY, Context

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
HEARD_OUT = 1024 * 1024  # who is answered while still sending this much or less may never read the answer
THREADS = 32  # of Flask: pages, searches by machines, gateways
HOOKS: dict[str, Callable[[Context, twilio.Form, str], Awaitable[None]]] = {
    "/webhooks/twilio/inbound": lambda here, form, _query: twilio.take_message(here, form),
    "/webhooks/twilio/status": lambda here, form, query: twilio.take_report(here, form, _about(query)),
}
_SIGNED = {name.lower().encode(): name for name in (SIGNATURE, SETTINGS)}
BODY = "koudmen.body"  # in Flask's environment: what was read


class Front:
    """ASGI. `flask` takes what does not go the short way; `refuse` makes the answer to an error and a path; `headers`
    are those of every answer."""

    def __init__(
        self,
        here: Context,
        flask: "WSGIApplication",
        refuse: Callable[[Exception, str], Response],
        headers: Iterable[tuple[str, str]],
    ) -> None:
        self.here, self.refuse = here, refuse
        self.flask = WSGIMiddleware(_with_body(flask), workers=THREADS)  # type: ignore[arg-type]
        self.taken = {"type": "http.response.start", "status": 204, "headers": _bytes(headers)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw = await _body(receive)
        if raw is None:  # the connection was cut: nobody waits for an answer, and half a request is none
            return
        hook, account = HOOKS.get(scope["path"]), self.here.settings.twilio
        if hook is None or account is None or len(raw) > LARGEST_BODY or not _usual(scope):
            await self._by_flask(scope, raw, send)
            return
        try:
            query = scope["query_string"].decode("latin-1")
            await hook(self.here, self._form(scope, raw, account), query)
        except Exception as error:  # noqa: BLE001 - `refuse` tells of it
            await _answer(self.refuse(error, scope["path"]), send)
            return
        await send(self.taken)
        await send({"type": "http.response.body"})

    def _form(self, scope: Scope, raw: bytes, account: Twilio) -> twilio.Form:
        signed = {_SIGNED[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _SIGNED}
        return twilio.proved(account, self.here.settings.public_base_url + _target(scope), raw, signed)

    async def _by_flask(self, scope: Scope, raw: bytes, send: Send) -> None:
        async def nothing_more() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        query = scope["query_string"].decode("latin-1").encode("ascii", "backslashreplace")
        await self.flask({**scope, "query_string": query, BODY: raw}, nothing_more, send)  # type: ignore[arg-type]


async def _body(receive: Receive) -> bytes | None:
    """What was sent, up to one byte more than is allowed; None when it broke off."""
    kept, length, more = b"", 0, True
    while more and length <= HEARD_OUT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        kept = (kept + message["body"])[: LARGEST_BODY + 1]
        length += len(message["body"])
        more = message["more_body"]
    return kept


def _with_body(flask: "WSGIApplication") -> "WSGIApplication":
    """Flask with the body that was read, and the address as it was asked for."""

    def application(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        scope = environ["asgi.scope"]
        raw: bytes = scope[BODY]
        environ["wsgi.input"], environ["wsgi.input_terminated"] = BytesIO(raw), True
        environ["RAW_URI"] = _target(scope)
        return flask(environ, start_response)

    return application


def _target(scope: Scope) -> str:
    """What was asked for, as it was written (`koudmen.gunicorn_web` tells it)."""
    target: bytes = scope["extensions"]["koudmen.target"]["url"]
    return target.decode("latin-1")


def _usual(scope: Scope) -> bool:
    """A posted form, at an address without a host."""
    return (
        scope["method"] == "POST"
        and _target(scope).startswith("/")
        and any(
            name == b"content-type" and value.partition(b";")[0].strip().lower() == _FORM
            for name, value in scope["headers"]
        )
    )


_FORM = twilio.FORM.encode()


async def _answer(response: Response, send: Send) -> None:
    await send({"type": "http.response.start", "status": response.status_code, "headers": _bytes(response.headers)})
    await send({"type": "http.response.body", "body": response.get_data()})


def _bytes(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _about(query: str) -> str:
    """The first `m` of a query."""
    return next((value for name, value in parse_qsl(query, keep_blank_values=True) if name == "m"), "")
