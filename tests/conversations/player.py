"""Plays the dialogues of this folder: `koudmen chat`'s phone with a clock of its own, and more than words to send.

A typed line may also be `[30 minutes later]`, `[photo]` (with or without words behind it), `[location 15.56 -61.46]` or
`[button ID] Label`. `[on duty]` puts an officer on the rota, `[officer] words` is what that officer writes to this
phone, `[officer closes]` the end of the case. A dialogue whose first line begins with `# WhatsApp` is played on
WhatsApp, all others by SMS.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base.clock import DOMINICA
from base.db import transaction
from base.settings import Settings
from bot import officer
from bot.drain import Drain
from bot.rasa import NluClient
from koudmen.commands.chat import Phone, dialogue
from messaging import inbox, simulator
from messaging.bell import Bell
from messaging.inbound import Inbound
from messaging.models import InboundMessage, OutboundMessage
from messaging.sender import Sender, open_lines
from oncall import handling, rota, staff
from oncall.models import Case, Staff

FOLDER = Path(__file__).parent
MORNING = datetime(2026, 11, 17, 10, 0, tzinfo=DOMINICA)  # a Tuesday, offices are open
_LATER = re.compile(r"\[(\d+) (minutes|hours|days) later\]")
_PHOTO = re.compile(r"\[photo\] ?(.*)")
_BUTTON = re.compile(r"\[button (\S+)\] (.*)")
_LOCATION = re.compile(r"\[location (-?[\d.]+) (-?[\d.]+)\]")
_NUMBERS = count()


@dataclass
class Clock:
    """When the next message comes in: a minute after the last."""

    at: datetime = MORNING

    def tick(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


@dataclass(frozen=True)
class ScriptedPhone(Phone):
    """A phone whose messages come in when the script says."""

    clock: Clock = field(default_factory=Clock)

    def text(self, words: str) -> list[str]:
        if later := _LATER.fullmatch(words):
            self.clock.at += timedelta(**{later[2]: int(later[1])})
            return []
        if words.startswith(("[officer", "[on duty]")):
            return self.officer(words)
        before = self.from_staff()
        with transaction(self.sessions) as session:
            message_id = inbox.receive(session, self.inbound(words)).message_id
            at = update(InboundMessage).where(InboundMessage.id == message_id).values(received_at=self.clock.tick())
            session.execute(at)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.engine:
                self.engine[0].once()
                self.engine[1].send_due()
            with self.sessions() as session:
                if self._handled(session, message_id):
                    released = [body for key, body in self.from_staff().items() if key not in before]
                    return [*released, *self._replies(session, message_id)]
        return ["(no answer within 20 s)"]

    def from_staff(self) -> dict[int, str]:
        """What officers wrote that has left: on WhatsApp it may have waited for this phone to write."""
        mine = select(OutboundMessage.position, OutboundMessage.body).where(
            OutboundMessage.inbound_id.is_(None), OutboundMessage.state == "accepted"
        )
        with self.sessions() as session:
            return {row[0]: row[1] or "" for row in session.execute(mine.order_by(OutboundMessage.position))}

    def officer(self, words: str) -> list[str]:
        """What the officer does, and what this phone gets of it. Needs the settings of the drain."""
        if self.engine is None:
            return []
        now, before = self.clock.tick(), self.from_staff()
        with transaction(self.sessions) as session:
            who = session.scalar(select(Staff)) or _on_duty(session, now)
            case = session.scalar(select(Case).where(Case.closed_at.is_(None)))
            if case and words == "[officer closes]":
                handling.close(session, case.id, who.id, "resolved", now)
            elif case and words.startswith("[officer] "):
                officer.send_reply(
                    session, case.id, who.id, words.removeprefix("[officer] "), now, self.engine[0].settings
                )
        self.engine[1].send_due()
        return [body for key, body in self.from_staff().items() if key not in before]

    def inbound(self, words: str) -> Inbound:
        """The message a typed line stands for."""
        if photo := _PHOTO.fullmatch(words):
            media: list[dict[str, Any]] = [{"url": "https://media.example/1", "type": "image/jpeg"}]
            return simulator.parse_inbound(self.mode, self.number, photo[1], kind="media", media=media)
        if here := _LOCATION.fullmatch(words):
            where = {"latitude": float(here[1]), "longitude": float(here[2])}
            return simulator.parse_inbound(self.mode, self.number, "", kind="location", **where)
        if button := _BUTTON.fullmatch(words):
            return simulator.parse_inbound(self.mode, self.number, button[2], kind="button", button=button[1])
        return simulator.parse_inbound(self.mode, self.number, words)


def _on_duty(session: Session, now: datetime) -> Staff:
    """An officer with a confirmed phone, on call for these days."""
    phone = "+17675550199"
    who = Staff(
        name="Marie", roles=["officer", "supervisor"], phone=phone, phone_lookup=staff.phone_lookup(phone),
        phone_verified_at=now,
    )  # fmt: skip
    session.add(who)
    session.flush()
    rota.add_shift(session, who.id, 1, now - timedelta(days=1), now + timedelta(days=30), now)
    return who


def new_phone(
    sessions: sessionmaker[Session], nlu: NluClient, settings: Settings, *, mode: str = "sms"
) -> ScriptedPhone:
    """A phone nobody has texted from yet."""
    number = f"+17675550{100 + next(_NUMBERS) % 100}"
    sender = Sender(sessions, open_lines(settings), settings.config.outbox, threads=1)
    return ScriptedPhone(sessions, (Drain(sessions, nlu, settings), sender), Bell(None), mode, number)


def play(script: str, sessions: sessionmaker[Session], nlu: NluClient, settings: Settings) -> str:
    """The dialogue with today's replies."""
    mode = "whatsapp" if script.startswith("# WhatsApp") else "sms"
    phone = new_phone(sessions, nlu, settings, mode=mode)
    return "".join(f"{line}\n" for line in dialogue(phone, script))


def scripts() -> Sequence[Path]:
    """The dialogues, in order of name."""
    return sorted(FOLDER.rglob("*.txt"))
