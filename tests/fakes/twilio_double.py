"""The Twilio double: all its parts together, on a socket."""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from tests.fakes.twilio_api import Api
from tests.fakes.twilio_client import Account
from tests.fakes.twilio_faults import Fault, Operation
from tests.fakes.twilio_ground import ACCOUNT_SID, AUTH_TOKEN, SMS_FROM, WHATSAPP_FROM
from tests.fakes.twilio_phones import Phones
from tests.fakes.twilio_server import HttpServer
from tests.fakes.twilio_story import Story


class TwilioDouble(Api, Phones, Story):
    """A Twilio to test against, listening as soon as it is made. `url` is its address (TWILIO_API_BASE).
    `public_base_url` is what webhooks are signed for, `target` where they are really sent. As a context manager it
    stops and verifies at the end, unless an exception is already on its way."""

    def __init__(
        self,
        public_base_url: str = "http://127.0.0.1:8000",
        *,
        target: str = "",
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        sms_from: str = SMS_FROM,
        whatsapp_from: str = WHATSAPP_FROM,
        host: str = "127.0.0.1",
        port: int = 0,
        permissive: bool = False,
        callback_threads: int = 2,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        account = Account(account_sid, auth_token, public_base_url.rstrip("/"), target.rstrip("/"))
        super().__init__(account, (sms_from, whatsapp_from), clock)
        self.sms_from, self.whatsapp_from = sms_from, whatsapp_from
        self.begin(callback_threads)
        self.begin_phones()
        self.begin_story(permissive)
        self.callbacks_must_succeed = not permissive
        self._server = HttpServer(host, port, self.answer, lambda e: self.violation(f"the double failed: {e!r}"))
        self._server.start()

    @property
    def url(self) -> str:
        """Where the REST API is."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def environment(self) -> dict[str, str]:
        """The settings that make Koudmen use this double."""
        return {
            "TWILIO_API_BASE": self.url,
            "TWILIO_ACCOUNT_SID": self.account.sid,
            "TWILIO_AUTH_TOKEN": self.account.auth_token,
            "TWILIO_SMS_FROM": self.sms_from,
            "TWILIO_WHATSAPP_FROM": self.whatsapp_from,
            "PUBLIC_BASE_URL": self.account.public_base_url,
        }

    def serve_at(self, public_base_url: str, target: str = "") -> None:
        """Say where our webhooks are, when that is known only later."""
        self.account.public_base_url, self.account.target = public_base_url.rstrip("/"), target.rstrip("/")

    # -- faults on order

    def fail(
        self,
        status: int | None = None,
        code: int = 20500,
        *,
        times: int | None = 1,
        to: str | None = None,
        on: Operation = "send",
    ) -> None:
        """Answer the next requests with an error; the HTTP status is the one that belongs to the code unless given."""
        self.faults.order(Fault("fail", on, times, to, status=status, code=code))

    def fail_later(
        self,
        code: int = 30003,
        final: str = "undelivered",
        *,
        times: int | None = 1,
        to: str | None = None,
    ) -> None:
        """Accept the next messages and report them undelivered (or `failed`) afterwards."""
        self.faults.order(Fault("later", "send", times, to, code=code, final=final))

    def hang(
        self,
        *,
        accepted: bool = False,
        times: int | None = 1,
        to: str | None = None,
        on: Operation = "send",
    ) -> None:
        """Take the next requests and never answer; `accepted`: though the message is accepted and goes out."""
        self.faults.order(Fault("hang", on, times, to, accepted))

    def drop(
        self,
        *,
        accepted: bool = False,
        times: int | None = 1,
        to: str | None = None,
        on: Operation = "send",
    ) -> None:
        """Close the connection instead of answering, before or after the message was `accepted`."""
        self.faults.order(Fault("drop", on, times, to, accepted))

    def delay(
        self,
        seconds: float,
        *,
        times: int | None = 1,
        to: str | None = None,
        on: Operation = "send",
    ) -> None:
        """Answer the next requests late."""
        self.faults.order(Fault("delay", on, times, to, seconds=seconds))

    def limit(self, rate: float | None) -> None:
        """Answer 429 (20429) above so many sends in a second."""
        self.faults.rate = rate

    def heal(self) -> None:
        """Take back every fault."""
        self.faults.heal()

    def cut_connections(self) -> None:
        """Close all open connections from our side, as a restart does."""
        self._server.cut()

    # -- the end

    def stop(self) -> None:
        """Stop without judging."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.stop()
            self.end()
            self.caller.close()

    def close(self) -> None:
        """Stop, then `verify`."""
        self.stop()
        self.verify()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if kind is None:
            self.verify()
