"""The worst first: while many messages wait, those that tell of harm are found by their phrases and answered before the
others. A quick way only: what it misses waits its turn, and both readers hear it then."""

import uuid
from datetime import timedelta

from sqlalchemy import select

from base.db import database_now, transaction
from bot import safety
from bot.drain import Drain
from messaging import inbox
from messaging.models import Conversation, InboundMessage

MOST = 500  # messages looked at in one round
FEW = 24  # so many that wait are soon answered in their order
# A queue that is gone within this time needs no look: reading every message twice would only make it longer. A page is
# due within 5 s on the worst day, and a look takes less than one.
SHORT = timedelta(seconds=1)


class Triage:
    """Looks at each waiting message once."""

    def __init__(self, drain: Drain, short: timedelta = SHORT) -> None:
        self.drain, self.short = drain, short
        self.seen = 0

    def once(self) -> int:
        """One look, when somebody has waited for more than `short`. Returns how many messages of people in danger were
        handled."""
        urgent: dict[uuid.UUID, None] = {}
        with transaction(self.drain.sessions) as session:
            oldest = select(InboundMessage.received_at).where(InboundMessage.handled_at.is_(None))
            since = session.scalar(oldest.order_by(InboundMessage.id).limit(1))
            if since is None or database_now(session) - since < self.short:
                return 0
            rows = session.execute(
                select(InboundMessage.id, InboundMessage.conversation_id, inbox.CLOSED_BODY, Conversation.language)
                .join(Conversation, Conversation.id == InboundMessage.conversation_id)
                .where(InboundMessage.handled_at.is_(None), InboundMessage.id > self.seen)
                .order_by(InboundMessage.id)
                .limit(MOST)
            ).all()
        if rows:
            self.seen = rows[-1].id
        if len(rows) <= FEW and not self._queue_before(rows[0].id if rows else 0):
            return 0
        for row in rows:
            words = inbox.opened(row.body)
            if words and safety.read(words, row.language).top:
                urgent[row.conversation_id] = None
        return self.drain.these(list(urgent)) if urgent else 0

    def _queue_before(self, first: int) -> bool:
        """Whether more than a few older messages still wait."""
        with transaction(self.drain.sessions) as session:
            older = select(InboundMessage.id).where(InboundMessage.handled_at.is_(None), InboundMessage.id < first)
            return len(session.scalars(older.limit(FEW + 1)).all()) > FEW
