"""Takes in what the carrier has and we have not: Twilio does not bring a refused or lost webhook again."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine, text

from base import log
from messaging import inbox
from messaging.inbound import Inbound
from messaging.inbox import Arrival

BATCH = 200
MOST = 5000  # in one listing; a time in which more came in is listed in two halves
SHORTEST = timedelta(seconds=2)  # the list goes by whole seconds
logger = log.get(__name__)
_KNOWN = text("SELECT external_id FROM inbound_seen WHERE provider = :provider AND external_id = ANY (:ids)")


class Listing(Protocol):
    """A carrier that can be asked what came in."""

    def arrived(self, since: datetime, until: datetime, most: int) -> Iterable[tuple[Inbound, datetime | None]]: ...


def reconcile(engine: Engine, carrier: Listing, since: datetime, until: datetime) -> int:
    """Write down what came in between `since` and `until` and never arrived here. Returns how many messages.

    `until` is some minutes ago: a webhook that is still under way is not late. Idempotent with the webhook, which may
    come even later. SendError when the carrier's list cannot be read.
    """
    taken = _between(engine, carrier, since, until)
    if taken:
        logger.error("messages that never arrived were taken in", count=taken)
    return taken


def _between(engine: Engine, carrier: Listing, since: datetime, until: datetime) -> int:
    """The list shows the newest first and ends after so many: on a busy day the older half is asked for by itself, and
    taken in before the newer one."""
    found = list(carrier.arrived(since, until, MOST))
    if len(found) >= MOST and until - since > SHORTEST:
        middle = since + (until - since) / 2
        return _between(engine, carrier, since, middle) + _between(engine, carrier, middle, until)
    listed = [Arrival(inbound, at) for inbound, at in found if at is None or at <= until]
    listed.reverse()  # oldest first
    return sum(_take(engine, part) for part in _parts(listed))


def _parts(listed: list[Arrival]) -> Iterator[list[Arrival]]:
    return (listed[at : at + BATCH] for at in range(0, len(listed), BATCH))


def _take(engine: Engine, arrivals: list[Arrival]) -> int:
    ids = [arrival.inbound.external_id for arrival in arrivals]
    with engine.begin() as connection:
        rows = connection.execute(_KNOWN, {"provider": arrivals[0].inbound.provider, "ids": ids})
        known = {row[0] for row in rows}
        missing = [arrival for arrival in arrivals if arrival.inbound.external_id not in known]
        if not missing:
            return 0
        return sum(got.message_id is not None for got in inbox.receive_many(connection, missing))
