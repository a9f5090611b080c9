"""People with conversations, and messages in their outbox."""

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging import inbox, outbox
from messaging.models import Conversation, OutboundMessage
from messaging.outbox import Lane

Queue = Callable[..., list[uuid.UUID]]


def put(session: Session, address: str, *bodies: str, channel: str = "sms", lane: Lane = Lane.REPLY) -> list[uuid.UUID]:
    """Queue texts to an address; their ids in order."""
    conversation = session.get_one(Conversation, inbox.open_conversation(session, channel, address))
    before = set(session.scalars(select(OutboundMessage.id)))
    outbox.queue(session, conversation, channel, bodies, lane=lane)
    made = session.scalars(select(OutboundMessage.id).order_by(OutboundMessage.position)).all()
    return [id_ for id_ in made if id_ not in before]


@pytest.fixture
def message(session: Session) -> uuid.UUID:
    """One queued reply."""
    return put(session, "+17675550101", "bonjou")[0]
