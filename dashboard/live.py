"""Tells open pages that the queue has changed. One thread a process looks, twice a second and only while somebody
listens; those who listen hold a thread of the server and no connection to the database.

Why it looks and is not told: NOTIFY takes a lock over all commits of the database, those of messages too.
"""

import threading
import uuid
from collections.abc import Callable, Collection, Hashable, Iterator
from datetime import datetime
from time import monotonic

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from base import log
from base.db import database_now, transaction
from dashboard.accounts import sessions as places
from dashboard.permissions import actions
from dashboard.queue_board import Board

EVERY_S = 0.5
HEARTBEAT_S = 15.0
AGAIN_MS = 3000  # a browser that lost the line comes back after this
MOST = 64  # streams of one process; each holds one of its threads
FOR_ONE = 8  # of one session: a telephone that loses its line leaves streams behind that nobody reads
FOR_PAGES = 16  # threads that are left for ordinary pages
SPREAD_MS = 25  # each page asks for its rows some time within this for each open page: not all in the same moment
KEPT_S = 10.0  # clocks run on: what was looked up is used again for so long at most
# Each change of a case writes its row anew, with a transaction id above all before. So while the number of open cases
# stays the same their sum only rises: two looks are equal only when nothing has changed.
_STATE = text("""
SELECT (SELECT array[count(*), coalesce(sum(xmin::text::bigint), 0)::bigint] FROM "case" WHERE closed_at IS NULL),
       (SELECT array[count(*), coalesce(max(id), 0)] FROM unread_message WHERE done_at IS NULL)
""")
logger = log.get(__name__)


class Stream:
    """One open page: an iterator of server-sent events for the server to write out. A change's data: within how many
    milliseconds to ask for what is new. `close` gives the stream's place free."""

    def __init__(self, hub: "Hub", session_id: uuid.UUID) -> None:
        self.hub, self.session_id = hub, session_id
        self.seen = hub.number
        self.begun = self.over = self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.over:
            raise StopIteration
        if not self.begun:
            self.begun = True
            return f"retry: {AGAIN_MS}\n\n".encode()
        return self.hub.wait(self)

    def close(self) -> None:
        self.hub.leave(self)


class Hub:
    """The streams of this process, and the thread that looks for them."""

    def __init__(self, sessions: sessionmaker[Session], *, every_s: float = EVERY_S, most: int = MOST) -> None:
        self.sessions, self.every_s, self.most = sessions, every_s, most
        self.serving: Callable[[], bool] = lambda: True  # the server's: no longer true when it is told to end
        self.number = 0  # rises with each change
        self.streams: dict[Stream, None] = {}  # in the order they came
        self._told = threading.Condition()
        self._watching: threading.Thread | None = None
        self._kept: dict[Hashable, tuple[int, float, Board]] = {}
        self._looking = threading.Lock()

    def serve(self, threads: int, serving: Callable[[], bool]) -> None:
        """What the server has: its number of threads, and whether it goes on."""
        self.most, self.serving = min(self.most, max(threads - FOR_PAGES, 0)), serving

    def subscribe(self, session_id: uuid.UUID) -> Stream | None:
        """A new stream for somebody signed in; None when this process has as many as it may. Of one session's streams
        the oldest is ended when there are too many."""
        with self._told:
            self._end_oldest(session_id)
            if len(self.streams) >= self.most:
                logger.warning("live pages refused", count=len(self.streams))
                return None
            stream = Stream(self, session_id)
            self.streams[stream] = None
            if not self._watching:
                self._watching = threading.Thread(target=self._watch, name="queue watch", daemon=True)
                self._watching.start()
            return stream

    def _end_oldest(self, session_id: uuid.UUID) -> None:
        own = [stream for stream in self.streams if stream.session_id == session_id]
        if len(own) >= FOR_ONE:
            own[0].over = True
            del self.streams[own[0]]
            self._told.notify_all()

    def leave(self, stream: Stream) -> None:
        """The page is closed, or its line is lost."""
        with self._told:
            self.streams.pop(stream, None)
            self._told.notify_all()

    def stop(self) -> None:
        """End all streams and the thread, and wait for it."""
        self.serving = lambda: False
        with self._told:
            watching = self._watching
            self._told.notify_all()
        if watching:
            watching.join()

    def wait(self, stream: Stream) -> bytes:
        """The next thing to tell: a change, the end of the session, or that we are still here."""
        with self._told:
            self._told.wait_for(lambda: stream.over or stream.ended or stream.seen != self.number, HEARTBEAT_S)
            if stream.over:
                raise StopIteration
            if stream.ended:
                stream.over = True
                return b"event: signed-out\ndata:\n\n"
            if stream.seen == self.number:
                return b": still here\nevent: here\ndata:\n\n"
            stream.seen = self.number
            return f"event: queue\nid: {self.number}\ndata: {len(self.streams) * SPREAD_MS}\n\n".encode()

    def remembered(self, key: Hashable, look: Callable[[], Board]) -> Board:
        """What was looked up since the last change, so that fifty pages that are told of it look once."""
        with self._looking:
            number, now = self.number, monotonic()
            held = self._kept.get(key)
            if self._watching and held and held[0] == number and now - held[1] < KEPT_S:
                return held[2]
            found = look()
            self._kept = {name: one for name, one in self._kept.items() if one[0] == number and now - one[1] < KEPT_S}
            self._kept[key] = (number, now, found)
            return found

    def _watch(self) -> None:
        before: object = None
        while self._go_on():
            try:
                before = self._look(before)
            except SQLAlchemyError as error:  # the database is away: the pages find out when they ask
                logger.warning("queue not looked at", error_type=type(error).__name__)
            with self._told:
                self._told.wait_for(lambda: not self.streams or not self.serving(), self.every_s)

    def _go_on(self) -> bool:
        with self._told:
            if not self.serving():
                for stream in self.streams:
                    stream.over = True
                self._told.notify_all()
            elif self.streams:
                return True
            self._watching = None
            return False

    def _look(self, before: object) -> object:
        with self._told:
            listening = {stream.session_id for stream in self.streams}
        with transaction(self.sessions) as session:
            state = tuple(session.execute(_STATE).one())
            alive = _alive(session, listening, database_now(session))
        with self._told:
            out = [one for one in self.streams if one.session_id in listening - alive and not one.ended]
            for stream in out:
                stream.ended = True
            self.number += state != before
            if out or state != before:
                self._told.notify_all()
        return state


def _alive(session: Session, listening: Collection[uuid.UUID], now: datetime) -> set[uuid.UUID]:
    """The sessions that still count, and whose owner may still see the queue."""
    return {one for one, roles in places.alive(session, listening, now) if "see the queue" in actions(roles)}
