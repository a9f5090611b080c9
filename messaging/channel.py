"""The one seam to carriers: what a channel can do. One module per channel implements both halves of it."""

from datetime import datetime
from typing import Protocol

from messaging.outbox import Sending


class Accepted:
    """The carrier took a message: its id and its first state."""

    __slots__ = ("external_id", "status")

    def __init__(self, external_id: str, status: str) -> None:
        self.external_id = external_id
        self.status = status


class Channel(Protocol):
    """Sends messages of one carrier."""

    def send(self, message: Sending) -> Accepted:
        """Hand a message over. Raises SendError (surely not taken) or OutcomeUnknown (perhaps taken)."""

    def find(self, message: Sending, since: datetime, known: frozenset[str]) -> Accepted | None:
        """Look for a message whose outcome is unknown among what the carrier has, leaving out the ids in `known`."""
