"""What all parts of the double stand on: the account, the clock, the records, and what was done wrong."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.twilio_client import Account, Caller
from tests.fakes.twilio_faults import Faults
from tests.fakes.twilio_records import Message, Store

ACCOUNT_SID = "AC" + "0" * 30 + "77"
AUTH_TOKEN = "the-token-of-the-double"
SMS_FROM = "+17675550199"
WHATSAPP_FROM = "whatsapp:+17675550198"
WINDOW = timedelta(hours=24)


class Ground:
    """State and settings. Every public attribute may be changed by a test while the double runs."""

    def __init__(self, account: Account, senders: tuple[str, ...], clock: Callable[[], datetime] | None) -> None:
        self.account = account
        self.senders = set(senders)
        self.messaging_services: dict[str, list[str]] = {}  # MG... -> its senders
        self.templates: dict[str, str] = {}  # HX... -> text with {{1}}
        self.console: dict[str, Any] = {}  # what the console says otherwise than it should (twilio_console.py)
        self.opted_out: set[tuple[str, str]] = set()  # (their address, our sender)
        self.advanced_opt_out = False  # True: OptOutType is sent
        self.faults = Faults()
        self.list_lag = timedelta(0)  # a new message is in no list for so long
        self.store = Store()
        self.caller = Caller(account)
        self.violations: list[str] = []
        self.refused: list[tuple[str | None, int]] = []  # (To, Twilio's code)
        self.counters: Counter[str] = Counter()
        self._count = threading.Lock()
        self.stopping = threading.Event()
        self._clock = clock or (lambda: datetime.now(UTC))
        self._moved = timedelta(0)
        self._heard: dict[tuple[str, str], datetime] = {}

    def now(self) -> datetime:
        """The double's time, in whole seconds as Twilio tells it."""
        return (self._clock() + self._moved).replace(microsecond=0)

    def advance(self, by: timedelta) -> None:
        """Move the double's clock, to open or close WhatsApp's window."""
        self._moved += by

    def violation(self, sentence: str) -> None:
        """Note something that no correct client of Twilio does; `verify` fails on it."""
        with self.store.changed:
            self.violations.append(sentence)
            self.store.changed.notify_all()

    def count(self, what: str) -> None:
        """Add one to `counters`."""
        with self._count:
            self.counters[what] += 1

    def heard(self, theirs: str, ours: str) -> None:
        """A person has written: WhatsApp's window is open for 24 hours."""
        self._heard[theirs, ours] = self.now()

    def window_open(self, theirs: str, ours: str) -> bool:
        """Whether a free text may go to a WhatsApp address."""
        last = self._heard.get((theirs, ours))
        return last is not None and self.now() - last < WINDOW

    def opt_out(self, address: str, sender: str | None = None) -> None:
        """A person has stopped one of our senders, or all of them."""
        self.opted_out |= {(address, ours) for ours in ([sender] if sender else self.senders)}

    def arrived(self, message: Message) -> None:
        """Called for each message, either way; the command line prints it."""
