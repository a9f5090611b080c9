"""Who was answered: what the carrier took, beside what the database says was owed."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from messaging.models import Address, Conversation, OutboundMessage
from tests.bench.messages import Letter
from tests.bench.stack import Stack
from tests.fakes.twilio import Flood


@dataclass(frozen=True)
class Answers:
    """People without a reply, people who got more messages than were written to them, and webhooks by how they were
    answered: `failed` with 5xx or not at all, `refused` with anything else that is not 204."""

    lost: int
    twice: int
    failed: int
    refused: int

    def __add__(self, other: "Answers") -> "Answers":
        return Answers(
            self.lost + other.lost, self.twice + other.twice, self.failed + other.failed, self.refused + other.refused
        )

    def __bool__(self) -> bool:
        return bool(self.lost or self.twice or self.failed or self.refused)


def count_answers(stack: Stack, letters: list[Letter], flood: Flood) -> Answers:
    """What became of these people's messages, once all is settled."""
    got = Counter(message.to for message in stack.double.sent())
    owed = _owed(stack)
    people = [letter.sender for letter in letters]
    statuses = [answer.status for answer in flood.answers]
    failed = sum(status == 0 or status >= 500 for status in statuses)
    return Answers(
        lost=sum(got[person] < max(owed[person], 1) for person in people),
        twice=sum(got[person] > owed[person] for person in people),
        failed=failed,
        refused=len(statuses) - failed - statuses.count(204),
    )


def _owed(stack: Stack) -> Counter[str]:
    """Replies in the outbox by address, as Twilio writes it."""
    query = (
        select(Address.channel, Address.value, func.count())
        .join(Conversation, Conversation.address_id == Address.id)
        .join(OutboundMessage, OutboundMessage.conversation_id == Conversation.id)
        .group_by(Address.id)
    )
    with Session(stack.engine) as session:
        rows = session.execute(query).all()
    return Counter({f"whatsapp:{value}" if channel == "whatsapp" else value: count for channel, value, count in rows})
