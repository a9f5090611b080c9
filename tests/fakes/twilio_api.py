"""The REST API: /2010-04-01/Accounts/{Sid}/Messages.json and Calls.json, with Twilio's rules and answers."""

import base64
import json
import re
import time
from urllib.parse import parse_qs, unquote

import orjson

from tests.fakes.twilio_console import MESSAGING, messaging, numbers
from tests.fakes.twilio_errors import RefusedError
from tests.fakes.twilio_faults import Fault
from tests.fakes.twilio_lives import Lives
from tests.fakes.twilio_records import Call, Json, Message, page
from tests.fakes.twilio_server import Reply, Request
from tests.fakes.twilio_spec import FORM, Form, form_spec, query_spec
from tests.fakes.twilio_text import E164, WHATSAPP, new_sid, same_channel, segments

_PATH = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})(/.+)").fullmatch
_RESOURCE = re.compile(r"/(Messages|Calls)/((?:SM|MM|CA)[0-9a-fA-F]{32})\.json").fullmatch
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_FINAL = frozenset({"delivered", "undelivered", "failed", "read", "sent", "received", "canceled"})


class SilenceError(Exception):
    """The connection is to be closed without an answer."""


def first(form: Form, name: str) -> str:
    """A parameter, or nothing."""
    return form[name][0] if form.get(name) else ""


class Api(Lives):
    """Answers one request after another; safe in any number of threads."""

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request, or None to hang up."""
        self.count(f"{request.method} requests")
        try:
            status, body = self._route(request)
        except RefusedError as error:
            self.count(f"refused {error.code}")
            return _refusal(error)
        except SilenceError:
            return None
        return Reply(status, b"" if status == 204 else orjson.dumps(body))

    def _route(self, request: Request) -> tuple[int, Json]:
        path, _, query = request.target.partition("?")
        if request.method == "GET" and path.startswith(MESSAGING):
            self._authenticate(request, self.account.sid)
            return 200, messaging(self, path, parse_qs(query))
        found = _PATH(unquote(path))
        if not found:
            raise self._nowhere(request)
        self._authenticate(request, found[1])
        rest = found[2]
        if request.method == "GET":
            return self._get(request, rest, parse_qs(query, keep_blank_values=True))
        form = self._form(request)
        match request.method, rest:
            case "POST", "/Messages.json":
                return self._send(form)
            case "POST", "/Calls.json":
                return self._call(form)
        return self._change(request, rest, form)

    def _nowhere(self, request: Request) -> RefusedError:
        self.violation(f"{request.method} {request.target.partition('?')[0]} is no address of the API")
        return RefusedError(20404)

    def _authenticate(self, request: Request, sid: str) -> None:
        mine = f"{self.account.sid}:{self.account.auth_token}".encode()
        wanted = "Basic " + base64.b64encode(mine).decode()
        if request.headers.get("authorization") != wanted or sid != self.account.sid:
            raise RefusedError(20003)

    def _form(self, request: Request) -> Form:
        kind = request.headers.get("content-type", "")
        if request.body and not kind.startswith(FORM):
            self.violation(f"a request body of type {kind!r} instead of a form")
            raise RefusedError(20001, message="The request is not a form")
        return parse_qs(request.body.decode(), keep_blank_values=True)

    def _described(self, problems: list[str], what: str) -> None:
        for problem in problems:
            self.violation(f"{what}: {problem}")

    # -- reading

    def _get(self, request: Request, rest: str, query: Form) -> tuple[int, Json]:
        self._before(self.faults.before("read", None))
        if rest == "/IncomingPhoneNumbers.json":
            return 200, numbers(self, query)
        if rest == "/Messages.json":
            self._described(query_spec(rest).problems(query), "list of messages")
            found = self.store.newest(query, self.now() - self.list_lag)
            return 200, page(found, request.target.partition("?")[0], query)
        return 200, self._find(request, rest).as_json()

    def _find(self, request: Request, rest: str) -> Message | Call:
        found = _RESOURCE(rest)
        if not found:
            raise self._nowhere(request)
        record = self.store.messages.get(found[2]) or self.store.calls.get(found[2])
        if record is None:
            raise RefusedError(20404)
        return record

    # -- redaction, cancelling, deletion

    def _change(self, request: Request, rest: str, form: Form) -> tuple[int, Json]:
        record = self._find(request, rest)
        self._before(self.faults.before("change", record.to))
        if not isinstance(record, Message):
            raise RefusedError(20004)
        if record.status not in _FINAL:
            raise RefusedError(20009)
        if request.method == "DELETE":
            self.store.delete(record.sid)
            return 204, {}
        self._described(form_spec("/Messages/{Sid}.json").problems(form), "update of a message")
        if first(form, "Body"):
            self.violation("update of a message: Body can only be made empty")
            raise RefusedError(20001)
        if "Body" in form:
            record.body = ""
        return 200, record.as_json()

    # -- sending

    def _send(self, form: Form) -> tuple[int, Json]:
        self._described(form_spec("/Messages.json").problems(form), "send")
        to = first(form, "To")
        try:
            if self.faults.too_fast():
                raise RefusedError(20429)
            self._before(self.faults.before("send", to))
            return 201, self._accept(form, to)
        except RefusedError as error:
            self.refused.append((to or None, error.code))
            raise

    def _accept(self, form: Form, to: str) -> Json:
        sender = self._sender(form, to)
        text = self._content(form)
        if (to, sender) in self.opted_out and not to.startswith("whatsapp:"):
            raise RefusedError(21610)
        message = self._record(form, to, sender, text)
        shown = message.as_json()
        if message.messaging_service_sid and not first(form, "From"):
            shown |= {"from": None, "num_segments": "0"}
        self.count("accepted")
        self.store.add(message)
        self.arrived(message)
        self.live(message, self._final(message))
        self._after(self.faults.after("send", to))
        return shown

    def _record(self, form: Form, to: str, sender: str, text: str) -> Message:
        media = len(form.get("MediaUrl", []))
        callback = first(form, "StatusCallback") or None
        return Message(
            sid=new_sid("MM" if media else "SM"),
            account_sid=self.account.sid,
            from_=sender,
            to=to,
            text=text,
            body=text,
            direction="outbound-api",
            status="accepted" if first(form, "MessagingServiceSid") else "queued",
            created=self.now(),
            at=time.monotonic(),
            num_segments=1 if to.startswith("whatsapp:") else segments(text),
            num_media=media,
            messaging_service_sid=first(form, "MessagingServiceSid") or None,
            content_sid=first(form, "ContentSid") or None,
            status_callback=callback if callback and self._reachable(callback) else None,
            params=form,
        )

    def _reachable(self, url: str) -> bool:
        try:
            return bool(self.caller.address(url))
        except ValueError as error:
            self.violation(f"StatusCallback: {error}")
            return False

    def _final(self, message: Message) -> str:
        """How the message will end."""
        later = self.faults.later(message.to)
        if later:
            message.due_error = later.code
            return later.final
        free = not message.content_sid and message.to.startswith("whatsapp:")
        if free and not self.window_open(message.to, message.from_):
            message.due_error = 63016
            return "failed"
        return "delivered"

    def _sender(self, form: Form, to: str) -> str:
        sender, service = first(form, "From"), first(form, "MessagingServiceSid")
        if not to:
            raise RefusedError(21604)
        if not (sender or service):
            self.violation("send: neither From nor MessagingServiceSid is given")
            raise RefusedError(21603)
        if not (WHATSAPP if to.startswith("whatsapp:") else E164)(to):
            raise RefusedError(21211)
        if service and not sender:
            return self._of_service(service, to)
        if not same_channel(sender, to):
            raise RefusedError(21910)
        if sender not in self.senders:
            raise RefusedError(63007 if sender.startswith("whatsapp:") else 21606)
        return sender

    def _of_service(self, service: str, to: str) -> str:
        if service not in self.messaging_services:
            raise RefusedError(21701)
        for sender in self.messaging_services[service]:
            if same_channel(sender, to):
                return sender
        raise RefusedError(21910)

    def _content(self, form: Form) -> str:
        body, content = first(form, "Body"), first(form, "ContentSid")
        if not (body.strip() or form.get("MediaUrl") or content):
            self.violation("send: none of Body, MediaUrl and ContentSid is given")
            raise RefusedError(21619)
        if len(body) > 1600:
            raise RefusedError(21617)
        if len(form.get("MediaUrl", [])) > 10:
            raise RefusedError(21623)
        return self._template(content, first(form, "ContentVariables")) if content else body

    def _template(self, sid: str, variables: str) -> str:
        if sid not in self.templates:
            raise RefusedError(21655)
        try:
            values = json.loads(variables or "{}")
            return _VARIABLE.sub(lambda m: str(values.get(m[1], m[0])), self.templates[sid])
        except (ValueError, AttributeError):
            raise RefusedError(21656) from None

    # -- calls

    def _call(self, form: Form) -> tuple[int, Json]:
        self._described(form_spec("/Calls.json").problems(form), "call")
        to, sender = first(form, "To"), first(form, "From")
        self._before(self.faults.before("call", to))
        if not E164(to):
            raise RefusedError(21211)
        if sender not in self.senders:
            raise RefusedError(21210)
        if not (first(form, "Url") or first(form, "Twiml") or first(form, "ApplicationSid")):
            self.violation("call: none of Url, Twiml and ApplicationSid is given")
            raise RefusedError(21205)
        call = Call(new_sid("CA"), self.account.sid, sender, to, self.now(), time.monotonic(), form)
        self.store.add_call(call)
        self._after(self.faults.after("call", to))
        return 201, call.as_json()

    # -- faults

    def _before(self, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.action == "fail":
            raise RefusedError(fault.code or 20500, fault.status)
        if fault.action == "delay":
            self.stopping.wait(fault.seconds)
        else:
            self._silence(fault)

    def _after(self, fault: Fault | None) -> None:
        if fault:
            self._silence(fault)

    def _silence(self, fault: Fault) -> None:
        if fault.action == "hang":
            self.stopping.wait()
        raise SilenceError


def _refusal(error: RefusedError) -> Reply:
    headers = ('WWW-Authenticate: Basic realm="Twilio API"',) if error.status == 401 else ()
    return Reply(error.status, orjson.dumps(error.as_json()), headers)
