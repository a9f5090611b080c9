"""Database session, naming of constraints, and column types that keep words and addresses encrypted."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from select import POLLIN, poll
from typing import Any

import orjson
from sqlalchemy import DateTime, LargeBinary, MetaData, create_engine, event, func, select
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from base.crypto import KeyRing
from base.errors import ConfigError

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables of all rooms share one metadata, so that models and migrations can be compared."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class _Keys:
    """The process's key ring. Set once at start by `use_keys`."""

    ring: KeyRing | None = None


def use_keys(ring: KeyRing) -> None:
    """Give this process the keys its encrypted columns need."""
    _Keys.ring = ring


def keys() -> KeyRing:
    """The process's key ring; an error when the process was started without."""
    if _Keys.ring is None:
        raise RuntimeError("base.db.use_keys was not called at start")
    return _Keys.ring


class EncryptedText(TypeDecorator[str]):
    """Text that is stored encrypted. `purpose` is "table.column" and binds the value to its place."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keys().encrypt(value.encode(), self.purpose)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else keys().decrypt(bytes(value), self.purpose).decode()


class EncryptedJSON(TypeDecorator[Any]):
    """A JSON value that is stored encrypted."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keys().encrypt(orjson.dumps(value), self.purpose)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(keys().decrypt(bytes(value), self.purpose))


UNREADABLE = "(cannot be read)"


class ReadableText(EncryptedText):
    """For looking: `type_coerce(Table.column, ReadableText("table.column"))`. A damaged value, or one whose key is
    lost, is told as such and stops nothing else from being read."""

    cache_ok = True

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        try:
            return super().process_result_value(value, dialect)
        except (ConfigError, UnicodeDecodeError):
            return UNREADABLE


class ReadableJSON(EncryptedJSON):
    """Likewise; a damaged value is `{"note": UNREADABLE}`."""

    cache_ok = True

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:
        try:
            return super().process_result_value(value, dialect)
        except (ConfigError, ValueError):
            return {"note": UNREADABLE}


def driver_url(url: str) -> str:
    """`postgresql://…` and `postgres://…` as SQLAlchemy wants them for psycopg 3."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


# Who vanished without a word is noticed within 15 s, not within hours: the server by us, and we by the server, which
# would keep the rows locked that a machine without power held (no meaning on a unix socket). A process that stands
# still in the middle of a transaction lets go of its rows after a minute.
_NOTICE_A_DEAD_NETWORK = {
    "keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip
OPTIONS = (
    "-c timezone=UTC -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c tcp_keepalives_idle=5 "
    "-c tcp_keepalives_interval=3 -c tcp_keepalives_count=3 -c tcp_user_timeout=15000"
)


NO_WHOLE_TABLES = " -c enable_seqscan=off"
RESTED_S = 5.0


def make_engine(
    url: str, *, pool_size: int = 5, pool_timeout_s: float = 10, statement_s: int = 0, whole_tables: bool = True
) -> Engine:
    """An engine whose exceptions never show parameters (they hold words and addresses). `statement_s`: no statement may
    take longer (0: no limit), for those who answer people: one slow page must not hold the connections of all.

    `whole_tables` off, for those who work off the queues: a table is not read whole where an index is there. Their
    statements are planned once, while the tables are small, and reading a small table whole is cheapest; on the day
    when everybody texts they would go on reading it so until its statistics are made anew."""
    engine = create_engine(
        driver_url(url),
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        connect_args={
            "connect_timeout": 5,
            "options": f"{OPTIONS} -c statement_timeout={statement_s}s{'' if whole_tables else NO_WHOLE_TABLES}",
            **_NOTICE_A_DEAD_NETWORK,
        },
    )
    _try_before_use(engine)
    return engine


def _try_before_use(engine: Engine) -> None:
    """Try a connection before it is used when its server has said something meanwhile (mostly: goodbye), or when it has
    rested for long. SQLAlchemy's `pool_pre_ping` asks the server each time: three round trips, half of what a small
    transaction costs."""

    def checkin(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["rests since"] = time.monotonic()

    def checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        rested = time.monotonic() - record.info.get("rests since", math.inf)  # a new one has not
        try:
            if rested > RESTED_S or _has_news(connection.fileno()):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None  # all of the pool are made anew

    event.listen(engine, "checkin", checkin)
    event.listen(engine, "checkout", checkout)


def _has_news(descriptor: int) -> bool:
    waiting = poll()
    waiting.register(descriptor, POLLIN)
    return bool(waiting.poll(0))


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions whose objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises."""
    with sessions() as session, session.begin():
        yield session


@contextmanager
def looking(sessions: sessionmaker[Session]) -> Iterator[Connection]:
    """A connection for one statement that changes nothing, without a transaction around it: each of those costs two
    more round trips, and workers look for work many times a second."""
    with sessions.kw["bind"].connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def database_now(session: Session) -> datetime:
    """The database's clock: what rules are given as `now`, so that all machines go by one clock."""
    at: datetime = session.scalars(select(func.clock_timestamp())).one()
    return at
