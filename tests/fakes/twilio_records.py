"""What the double remembers: messages both ways and calls, as the REST API shows them, and lists of them."""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

from tests.fakes.twilio_errors import LATER, RefusedError
from tests.fakes.twilio_spec import Form
from tests.fakes.twilio_text import rfc2822

RANK = {"accepted": 0, "queued": 0, "sending": 1, "sent": 2, "undelivered": 3, "failed": 3, "delivered": 3, "read": 4}
Json = dict[str, object]
_NEARLY = timedelta(seconds=10)  # several write at once: their order is not strict
_DATES = ("DateSent>", "DateSent<", "DateSent")


@dataclass(slots=True, eq=False)
class Message:
    """One message. `text` stays what it was, `body` is blank after redaction; `at` is the monotonic time of arrival,
    `due_error` the code it will fail with."""

    sid: str
    account_sid: str
    from_: str
    to: str
    text: str
    direction: str
    status: str
    created: datetime
    at: float
    num_segments: int = 1
    num_media: int = 0
    messaging_service_sid: str | None = None
    content_sid: str | None = None
    status_callback: str | None = None
    params: Form = field(default_factory=dict)
    due_error: int | None = None
    error_code: int | None = None
    sent: datetime | None = None
    updated: datetime | None = None
    body: str = ""
    statuses: list[str] = field(default_factory=list)

    def rise(self, status: str, now: datetime) -> None:
        """Take on a later status; an earlier one changes nothing."""
        if status in RANK and RANK[status] > RANK.get(self.status, 9):
            self.status, self.updated = status, now
            self.sent = self.sent or now
            if status in ("failed", "undelivered"):
                self.error_code = self.due_error

    @property
    def uri(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}/Messages/{self.sid}.json"

    def as_json(self) -> Json:
        """The Message resource."""
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": rfc2822(self.created),
            "date_sent": rfc2822(self.sent) if self.sent else None,
            "date_updated": rfc2822(self.updated or self.created),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": LATER.get(self.error_code, "Error") if self.error_code else None,
            "from": self.from_,
            "messaging_service_sid": self.messaging_service_sid,
            "num_media": str(self.num_media),
            "num_segments": str(self.num_segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": self.uri.replace(".json", "/Media.json")},
            "to": self.to,
            "uri": self.uri,
        }


@dataclass(slots=True, eq=False)
class Call:
    """One outbound voice call."""

    sid: str
    account_sid: str
    from_: str
    to: str
    created: datetime
    at: float
    params: Form
    status: str = "queued"
    answered_by: str | None = None

    @property
    def uri(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}/Calls/{self.sid}.json"

    def as_json(self) -> Json:
        """The Call resource."""
        nothing: tuple[str, ...] = (
            "parent_call_sid",
            "phone_number_sid",
            "start_time",
            "end_time",
            "duration",
            "price",
        )
        nothing += ("forwarded_from", "group_sid", "caller_name", "trunk_sid")
        return dict.fromkeys(nothing) | {
            "account_sid": self.account_sid,
            "answered_by": self.answered_by,
            "api_version": "2010-04-01",
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.created),
            "direction": "outbound-api",
            "from": self.from_,
            "from_formatted": self.from_,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"recordings": self.uri.replace(".json", "/Recordings.json")},
            "to": self.to,
            "to_formatted": self.to,
            "uri": self.uri,
        }


class Store:
    """All messages and calls. `changed` is the lock, and is notified of each new one."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.messages: dict[str, Message] = {}
        self.outbound: list[Message] = []  # stays, whatever is deleted
        self.calls: dict[str, Call] = {}
        self._with: dict[str, list[Message]] = {}

    def add(self, message: Message) -> None:
        """Keep one more message."""
        with self.changed:
            self.messages[message.sid] = message
            if message.direction != "inbound":
                self.outbound.append(message)
            for address in {message.to, message.from_}:
                self._with.setdefault(address, []).append(message)
            self.changed.notify_all()

    def add_call(self, call: Call) -> None:
        """Keep one more call."""
        with self.changed:
            self.calls[call.sid] = call
            self.changed.notify_all()

    def delete(self, sid: str) -> None:
        """Forget a message, as DELETE does."""
        with self.changed:
            message = self.messages.pop(sid)
            for address in {message.to, message.from_}:
                self._with[address].remove(message)

    def newest(self, query: Form, seen_by: datetime) -> list[Message]:
        """Messages that fit the filters of a list request, newest first, made no later than `seen_by`."""
        to, sender = _one(query, "To"), _one(query, "From")
        fits = _filter(query)
        with self.changed:
            address = to or sender
            found = self._between(self._with.get(address, []), query) if address else list(self.messages.values())
            return [
                m
                for m in reversed(found)
                if (not to or m.to == to)
                and (not sender or m.from_ == sender)
                and m.created <= seen_by
                and fits(m.sent or m.created)
            ]

    def _between(self, found: list[Message], query: Form) -> list[Message]:
        """Those that a filter by date leaves of an address to which only people write (sent when they were made): told
        by their order, for there may be very many."""
        if not found or found[0].direction != "inbound" or found[0].to != _one(query, "To"):
            return found
        after, before = _one(query, "DateSent>"), _one(query, "DateSent<")
        first = bisect_left(found, moment(after) - _NEARLY, key=_made) if after else 0
        last = bisect_right(found, moment(before) + _NEARLY, key=_made) if before else len(found)
        return found[first:last]


def _made(message: Message) -> datetime:
    return message.created


def _one(query: Form, name: str) -> str | None:
    return query[name][0] if query.get(name) else None


def _filter(query: Form) -> Callable[[datetime], bool]:
    """Whether a date of sending fits the query."""
    after, before, day = (moment(given) if (given := _one(query, name)) else None for name in _DATES)

    def fits(sent: datetime) -> bool:
        if (after and sent < after) or (before and sent > before):
            return False
        return not day or day <= sent < day + timedelta(days=1)

    return fits


def moment(text: str) -> datetime:
    """A date or time in a filter, in any form the API takes. Raises RefusedError for none of them."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        try:
            read = parsedate_to_datetime(text)
        except ValueError:
            raise RefusedError(20001, message=f"{text!r} is no date") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def page(messages: list[Message], path: str, query: Form) -> Json:
    """One page of a list as Twilio sends it, with the addresses of its neighbours."""
    size = min(max(int(_one(query, "PageSize") or 50), 1), 1000)
    number = int(_one(query, "Page") or 0)
    start = _start(messages, _one(query, "PageToken"), number * size)
    shown = messages[start : start + size]
    rest = [(k, v[0]) for k, v in query.items() if k not in ("Page", "PageToken", "PageSize")]
    rest.append(("PageSize", str(size)))

    def uri(n: int, token: str | None = None) -> str:
        extra = [("Page", str(n))] + ([("PageToken", token)] if token else [])
        return f"{path}?{urlencode(rest + extra)}"

    more = start + size < len(messages)
    return {
        "messages": [m.as_json() for m in shown],
        "end": start + len(shown) - 1 if shown else 0,
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, f"PA{shown[-1].sid}") if more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1) if number else None,
        "start": start,
        "uri": uri(number),
    }


def _start(messages: list[Message], token: str | None, otherwise: int) -> int:
    """Where a page begins: after the message its token names, so that new ones shift nothing."""
    if not token:
        return otherwise
    return next((n + 1 for n, m in enumerate(messages) if token == f"PA{m.sid}"), otherwise)
