"""`koudmen chat`: the phone in the terminal. It goes through the same inbox, turn and outbox as a carrier's message.

`--script FILE` plays a dialogue: a line `> text` is typed, other lines (what was answered last time) are skipped, and
the dialogue is printed with the answers of today. A file without such a line is a plain list of texts, one a line.
`--check` says whether they differ.
"""

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.crypto import load_keys
from base.db import make_engine, make_sessions, transaction, use_keys
from base.settings import load_settings
from bot.drain import Drain
from bot.rasa import Away, NluClient
from directory import load
from koudmen.cli import parser
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres
from koudmen.nlu import standing_nlu
from messaging import inbox, simulator
from messaging.bell import Bell
from messaging.models import InboundMessage, OutboundMessage
from messaging.segments import segments
from messaging.sender import Sender, open_lines

PATIENCE_S = 20.0


def main(arguments: Sequence[str]) -> int:
    options = parser("chat")
    options.add_argument("--script", type=Path, help="play a dialogue and print it with the replies")
    options.add_argument("--check", action="store_true", help="with --script: exit 1 when a reply differs")
    options.add_argument("--offline", action="store_true", help="without Rasa: lexicon and keywords alone")
    options.add_argument("--whatsapp", action="store_true", help="as on WhatsApp (no segments)")
    chosen = options.parse_args(arguments)
    with ExitStack() as stack:
        phone = open_phone(stack, offline=chosen.offline, mode="whatsapp" if chosen.whatsapp else "sms")
        if chosen.script:
            return play(phone, chosen.script, check=chosen.check)
        return talk(phone)


@dataclass(frozen=True)
class Phone:
    """One simulated phone. `engine` works off the inbox and the outbox here; None when a running service does."""

    sessions: sessionmaker[Session]
    engine: tuple[Drain, Sender] | None
    bell: Bell
    mode: str
    number: str

    def text(self, words: str) -> list[str]:
        """Send a text; the replies to it."""
        message = simulator.parse_inbound(self.mode, self.number, words)
        with transaction(self.sessions) as session:
            received = inbox.receive(session, message)
        self.bell.ring("turn")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if self.engine:
                self.engine[0].once()
                self.engine[1].send_due()
            else:
                time.sleep(0.05)
            with self.sessions() as session:
                if self._handled(session, received.message_id):
                    return self._replies(session, received.message_id)
        return [f"(no answer within {PATIENCE_S:.0f} s)"]

    def _handled(self, session: Session, message_id: int | None) -> bool:
        query = select(InboundMessage.handled_at).where(InboundMessage.id == message_id)
        waiting = select(OutboundMessage.id).where(
            OutboundMessage.inbound_id == message_id, OutboundMessage.state.in_(["queued", "sending"])
        )
        return session.scalar(query) is not None and session.scalar(waiting.limit(1)) is None

    def _replies(self, session: Session, message_id: int | None) -> list[str]:
        sent = select(OutboundMessage.body).where(
            OutboundMessage.inbound_id == message_id, OutboundMessage.state == "accepted"
        )
        return [body or "" for body in session.scalars(sent.order_by(OutboundMessage.seq))]


def open_phone(stack: ExitStack, *, offline: bool, mode: str) -> Phone:
    """A phone on the running service (which answers with its own settings), or on a database for this talk alone."""
    settings = load_settings()
    log.setup("chat", level="ERROR")
    use_keys(load_keys(settings.keys, settings.home))
    number = f"+17675550{100 + secrets.randbelow(100)}"  # reserved for fiction: 555-0100 to 555-0199
    if settings.database_url:
        sessions = _sessions(stack, settings.database_url)
        return Phone(sessions, None, Bell(settings.redis_url), mode, number)
    home = settings.home / "chat"
    home.mkdir(parents=True, exist_ok=True)
    sessions = _sessions(stack, stack.enter_context(embedded_postgres(home)), migrate=True)
    with transaction(sessions) as session:
        load.seed(session, demo=settings.rehearsing)
    nlu: NluClient = Away() if offline else stack.enter_context(standing_nlu(settings))
    sender = Sender(sessions, open_lines(settings), settings.config.outbox)
    return Phone(sessions, (Drain(sessions, nlu, settings), sender), Bell(None), mode, number)


def _sessions(stack: ExitStack, url: str, *, migrate: bool = False) -> sessionmaker[Session]:
    engine = make_engine(url, pool_size=8)
    stack.callback(engine.dispose)
    if migrate:
        upgrade_at(engine)
    return make_sessions(engine)


def talk(phone: Phone) -> int:
    """Read lines until the end of input."""
    print(f"Koudmen as {phone.mode}, from {phone.number}. End with Ctrl-D.")
    while True:
        try:
            words = input("> ")
        except (EOFError, KeyboardInterrupt):
            print()
            return 0
        for reply in phone.text(words):
            print(_shown(reply, phone.mode))


def play(phone: Phone, script: Path, *, check: bool) -> int:
    """Play a dialogue file."""
    before = script.read_text(encoding="utf-8")
    after = "".join(f"{line}\n" for line in dialogue(phone, before))
    sys.stdout.write(after)
    return 1 if check and after != before else 0


def dialogue(phone: Phone, script: str) -> Iterator[str]:
    """The script's lines with today's replies: `> ` is typed, `< ` is answered, `#` and blank lines stay."""
    for line in _marked(script.splitlines()):
        if line.startswith(">"):
            yield line
            for reply in phone.text(line[1:].strip()):
                yield from (f"< {part}" if i == 0 else f"  {part}" for i, part in enumerate(reply.split("\n")))
        elif not line.startswith(("< ", "  ")):
            yield line


def _marked(lines: list[str]) -> list[str]:
    """A plain list of texts as a dialogue; a dialogue as it is."""
    if any(line.startswith((">", "< ")) for line in lines):
        return lines
    return [f"> {line}" if line.strip() and not line.startswith("#") else line for line in lines]


def _shown(reply: str, mode: str) -> str:
    size = f"  [{segments(reply)} SMS]" if mode == "sms" else ""
    return f"< {reply}{size}"
