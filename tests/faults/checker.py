"""Compares what the double sent and got with what the database says."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select

from messaging.models import InboundMessage, OutboundMessage
from tests.fakes.twilio import Flood, Message
from tests.faults.house import House
from tests.service import wait_until


@dataclass(frozen=True)
class Verdict:
    """`accepted`: webhooks answered 204. Each other field should be empty."""

    accepted: int
    not_written: set[str] = field(default_factory=set)  # answered 204, yet not in the inbox
    unhandled: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)  # handled, and nothing for it in the outbox
    never_sent: set[str] = field(default_factory=set)  # in the outbox, and the carrier never had it
    twice: set[str] = field(default_factory=set)  # the carrier had it more than once
    strangers: set[str] = field(default_factory=set)  # sent, and not in the outbox
    not_noted: set[str] = field(default_factory=set)  # sent, and our state is not "accepted"

    @property
    def faults(self) -> dict[str, int]:
        """Name of the fault -> how many."""
        found = {name: len(value) for name, value in vars(self).items() if isinstance(value, set)}
        return {name: count for name, count in found.items() if count}

    @property
    def lost(self) -> dict[str, int]:
        """The faults but for what was sent twice."""
        return {name: count for name, count in self.faults.items() if name != "twice"}


def outbound_id(message: Message) -> str:
    """Our id, which the status callback's address carries."""
    return parse_qs(urlsplit(message.params["StatusCallback"][0]).query)["m"][0]


def sids_taken(flood: Flood) -> set[str]:
    """Messages that we said we have."""
    return {answer.sid for answer in flood.answers if answer.status == 204}


def judge(house: House, taken: set[str]) -> Verdict:
    """The verdict over everything since the house was emptied."""
    with house.sessions() as session:
        inbox = session.execute(select(InboundMessage.id, InboundMessage.external_id, InboundMessage.handled_at)).all()
        outbox = session.execute(select(OutboundMessage.id, OutboundMessage.inbound_id, OutboundMessage.state)).all()
    ids = {str(row.id): row.state for row in outbox}
    sent = Counter(outbound_id(m) for m in house.sent())
    answered = {row.inbound_id for row in outbox}
    return Verdict(
        accepted=len(taken),
        not_written=taken - {row.external_id for row in inbox},
        unhandled={row.external_id for row in inbox if row.handled_at is None},
        unanswered={row.external_id for row in inbox if row.handled_at and row.id not in answered},
        never_sent=set(ids) - set(sent),
        twice={id_ for id_, count in sent.items() if count > 1},
        strangers=set(sent) - set(ids),
        not_noted={id_ for id_ in sent if ids.get(id_) != "accepted"},
    )


def settled(house: House, taken: set[str], seconds: float = 60, *, of: str = "faults") -> Verdict:
    """The verdict, as soon as it has no more `of` those (faults, lost), or when the time is over."""
    with suppress(AssertionError):
        wait_until(lambda: not getattr(judge(house, taken), of), "no fault is left", seconds)
    house.double.settle(20)
    return judge(house, taken)
