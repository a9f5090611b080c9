"""A synthetic message through the whole service every few minutes: inbox, turn, Rasa, outbox, sender.

It comes from nobody, on a channel of its own that no carrier has; a greeting, so it opens no case, asks for no service
and is in no report of demand. What becomes of it is the note of the heartbeat `synthetic`, which /readyz shows.
"""

import uuid

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from base import log
from base.clock import now
from base.db import transaction
from base.heartbeat import beat
from koudmen.runtime import Runtime
from messaging import inbox
from messaging.inbound import Inbound
from messaging.outbox import SYNTHETIC

LATE_S = 60.0
logger = log.get(__name__)
_LAST = text("""
SELECT extract(epoch FROM now() - i.received_at) AS age,
       (SELECT extract(epoch FROM min(o.accepted_at) - i.received_at) FROM outbound_message AS o
        WHERE o.inbound_id = i.id AND o.state = 'accepted') AS took
FROM inbound_message AS i WHERE i.provider = 'synthetic' ORDER BY i.id DESC LIMIT 1
""")


def watch(runtime: Runtime) -> str:
    """Look at the last one, send the next when it is time; returns the note."""
    with transaction(runtime.sessions) as session:
        last = session.execute(_LAST).first()
        said = note(last)
        if last is None or last.age >= runtime.settings.config.sweeper.synthetic.total_seconds():
            send(session)
        beat(session, "synthetic", said)
    if said.startswith("no answer"):
        logger.error("the synthetic message is not answered", reason=said)
    runtime.bell.ring("turn")
    return said


def note(last: Row[float, float | None] | None) -> str:
    """What is said of the last one."""
    if last is None:
        return "ok"
    if last.took is not None:
        return "ok" if last.took < LATE_S else f"slow: {last.took:.0f} s"
    return "ok" if last.age < LATE_S else f"no answer for {last.age:.0f} s"


def send(session: Session) -> int:
    """Put one in the inbox, dated by the clock of this machine; returns its id."""
    told = Inbound(SYNTHETIC, uuid.uuid4().hex, SYNTHETIC, SYNTHETIC, "hello")
    return inbox.receive_many(session, [inbox.Arrival(told, now())])[0].message_id or 0
