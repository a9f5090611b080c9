"""What a worker process holds: settings, keys, database, bell, the bot's drain and the sender. Made once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from base.crypto import load_keys
from base.db import database_now, make_engine, make_sessions, transaction, use_keys
from base.errors import ConfigError
from base.settings import Settings, check_ready_for_people, load_settings
from bot.drain import Drain
from bot.rasa import Away, NluClient, Rasa
from messaging.bell import Bell
from messaging.sender import Sender, open_lines
from messaging.spool import Spool


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]

    @cached_property
    def bell(self) -> Bell:
        return Bell(self.settings.redis_url)

    @cached_property
    def nlu(self) -> NluClient:
        return make_nlu(self.settings)

    @cached_property
    def drain(self) -> Drain:
        return Drain(self.sessions, self.nlu, self.settings)

    @cached_property
    def spool(self) -> Spool:
        return Spool(self.settings.spool)

    @cached_property
    def sender(self) -> Sender:
        return Sender(self.sessions, open_lines(self.settings), self.settings.config.outbox)


def make_runtime(settings: Settings | None = None, *, pool_size: int = 6, whole_tables: bool = True) -> Runtime:
    """Read the settings, load the keys and open the database (`whole_tables`: see base.db.make_engine)."""
    settings = settings or load_settings()
    if not settings.database_url:
        raise ConfigError("DATABASE_URL is not set (`make up` starts a database of its own)")
    check_ready_for_people(settings)
    use_keys(load_keys(settings.keys, settings.home))
    engine = make_engine(settings.database_url, pool_size=pool_size, whole_tables=whole_tables)
    return Runtime(settings, engine, make_sessions(engine))


@contextmanager
def at_the_database() -> Iterator[tuple[Session, Settings]]:
    """One transaction for a command, and the settings; the connection is closed at the end."""
    runtime = make_runtime(pool_size=1)
    try:
        with transaction(runtime.sessions) as session:
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # read slowly, through a pager
            yield session, runtime.settings
    finally:
        runtime.engine.dispose()


def noted(session: Session, action: str, subject: str = "", **detail: object) -> None:
    """In the audit log: what a command changed, called as on the staff site. The last thing in its transaction."""
    audit.record(session, action, database_now(session), subject=subject, detail=detail | {"by": "shell"})


def make_nlu(settings: Settings) -> NluClient:
    """The client of the Rasa the settings name, or none."""
    if not settings.rasa_url:
        return Away()
    rules = settings.config.understanding
    return Rasa(
        settings.rasa_url, settings.rasa_token, timeout=rules.rasa_timeout, failures=rules.breaker_failures,
        pause=rules.breaker_pause,
    )  # fmt: skip
