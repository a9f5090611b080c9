"""What the double sent and got, beside what the database says: each message one effect, each reply at most once unless
Twilio's answer was unknown, each disclosure paged."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from messaging.models import InboundMessage, OutboundMessage
from tests.bench.pages import OFFICER
from tests.bench.stack import Stack
from tests.fakes.twilio import Message
from tests.faults.checker import outbound_id

SYNTHETIC = "synthetic"
_UNKNOWN = text("SELECT id FROM outbound_message WHERE state = 'unknown'")


@dataclass(frozen=True)
class Verdict:
    """Each field is a list of ids that should be empty, but for `unknown` (replies whose outcome was not known for a
    while) and `twice_unknown` (those of them that the carrier got more than once). The carrier's ids of messages in;
    our ids of replies."""

    not_written: list[str] = field(default_factory=list)
    written_twice: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    not_sent: list[str] = field(default_factory=list)  # owed, and the carrier never had it
    twice: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    twice_unknown: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return len(self.not_written) + len(self.unhandled) + len(self.unanswered) + len(self.not_sent)

    @property
    def wrong_twice(self) -> int:
        return len(self.written_twice) + len(self.twice) + len(self.strangers)


class Unknowns:
    """Collects the replies whose outcome is unknown at some moment: from the table while it runs, from the logs at the
    end."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.ids, self.over = stack, set[str](), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Unknowns":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.ids |= {line["outbound_id"] for line in _log_lines(self.stack.folder / "logs") if _tells_unknown(line)}

    def _watch(self) -> None:
        while not self.over.wait(0.5):
            with suppress(SQLAlchemyError), self.stack.engine.connect() as connection:
                self.ids |= {str(id_) for id_ in connection.scalars(_UNKNOWN)}


def _tells_unknown(line: Mapping[str, Any]) -> bool:
    return "unknown" in str(line.get("event")) and "outbound_id" in line


def _log_lines(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in folder.glob("*.log*"):
        for raw in path.read_text(errors="replace").splitlines():
            if raw.startswith("{"):
                with suppress(ValueError):
                    yield json.loads(raw)


def judge(stack: Stack, unknown: set[str]) -> Verdict:
    """The verdict over all that the double sent and got."""
    with Session(stack.engine) as session:
        inbox = session.execute(
            select(InboundMessage.id, InboundMessage.external_id, InboundMessage.handled_at).where(
                InboundMessage.provider != SYNTHETIC
            )
        ).all()
        outbox = session.execute(
            select(OutboundMessage.id, OutboundMessage.inbound_id).where(OutboundMessage.channel != SYNTHETIC)
        ).all()
    written = Counter(row.external_id for row in inbox)
    owed = {str(row.id) for row in outbox}
    answered = {row.inbound_id for row in outbox}
    sent = Counter(outbound_id(one) for one in stack.double.sent() if one.to != OFFICER and _arrives(one))
    again = {id_ for id_, count in sent.items() if count > 1}
    return Verdict(
        not_written=sorted(set(stack.double.inbound) - set(written)),
        written_twice=sorted(sid for sid, count in written.items() if count > 1),
        unhandled=sorted(row.external_id for row in inbox if row.handled_at is None),
        unanswered=sorted(row.external_id for row in inbox if row.handled_at and row.id not in answered),
        not_sent=sorted(owed - set(sent)),
        twice=sorted(again - unknown),
        strangers=sorted(set(sent) - owed),
        unknown=sorted(unknown),
        twice_unknown=sorted(again & unknown),
    )


def _arrives(message: Message) -> bool:
    """Not one that the carrier could not deliver: that is rightly sent again."""
    return message.due_error is None
