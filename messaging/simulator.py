"""The simulator's half of the outbox: a sent message is delivered by being there. The phone reads the database."""

import uuid
from datetime import datetime

from messaging.channel import Accepted
from messaging.inbound import Inbound, Kind
from messaging.outbox import Sending

PROVIDER = "simulator"


def parse_inbound(channel: str, address: str, text: str, *, kind: Kind = "text", **extra: object) -> Inbound:
    """What a person typed on the simulated phone; `channel` is "sms" or "whatsapp". The simulator's channels have
    names of their own, so that a simulated number and a real one are never the same contact or outbox."""
    return Inbound(PROVIDER, f"SIM{uuid.uuid4().hex}", f"sim_{channel}", address, text, kind, dict(extra))


class SimulatorChannel:
    """Takes every message."""

    def send(self, message: Sending) -> Accepted:
        return Accepted(f"SIM{message.id.hex}", "delivered")

    def find(self, message: Sending, since: datetime, known: frozenset[str]) -> Accepted | None:
        return Accepted(f"SIM{message.id.hex}", "delivered")
