"""The worst first: while many messages wait, those that tell of harm are found by their phrases and answered before the
others. A quick way only: what it misses waits its turn, and both readers hear it then."""

import uuid
from datetime import timedelta

from sqlalchemy import text

from base.db import transaction
from bot import safety
from bot.drain import Drain
from messaging import inbox

MOST = 500  # messages looked at in one round
FEW = 24  # so many that wait are soon answered in their order
# A queue that is gone within this time needs no look: reading every message twice would only make it longer (by a
# fifteenth). A page is due within 5 s on the worst day; a look comes within 0.3 s and takes less than one.
SHORT = timedelta(seconds=2)
# Written out: asked three times a second.
_FIRST = text("""
SELECT clock_timestamp() - received_at AS waited FROM inbound_message WHERE handled_at IS NULL ORDER BY id LIMIT 1
""")
_NEW = text("""
SELECT i.id, i.conversation_id, i.body, c.language
FROM inbound_message AS i JOIN conversation AS c ON c.id = i.conversation_id
WHERE i.handled_at IS NULL AND i.id > :seen ORDER BY i.id LIMIT :most
""")
# Whether more than a few older messages still wait.
_OLDER = text("SELECT 1 FROM inbound_message WHERE handled_at IS NULL AND id < :first OFFSET :few LIMIT 1")


class Triage:
    """Looks at each waiting message once."""

    def __init__(self, drain: Drain, short: timedelta = SHORT) -> None:
        self.drain, self.short = drain, short
        self.seen = 0

    def once(self) -> int:
        """One look, when somebody has waited for more than `short`. Returns how many messages of people in danger were
        handled."""
        with transaction(self.drain.sessions) as session:
            first = session.execute(_FIRST).one_or_none()
            if first is None or first.waited < self.short:
                return 0
            rows = session.execute(_NEW, {"seen": self.seen, "most": MOST}).all()
            if not rows:
                return 0
            self.seen = rows[-1].id
            if len(rows) <= FEW and session.scalar(_OLDER, {"first": rows[0].id, "few": FEW}) is None:
                return 0
        urgent: dict[uuid.UUID, None] = {}
        for row in rows:
            words = inbox.opened(row.body)
            if words and safety.read(words, row.language).top:
                urgent[row.conversation_id] = None
        return self.drain.these(list(urgent)) if urgent else 0
