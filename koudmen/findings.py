"""What the doctor says, and faults of servers as sentences."""

from dataclasses import dataclass
from typing import Literal

from redis.exceptions import AuthenticationError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

Level = Literal["ok", "look", "bad"]


@dataclass(frozen=True)
class Finding:
    """`level`: ok, look (it works, but not for long or not for people yet) or bad."""

    part: str
    level: Level
    words: str


# What PostgreSQL and its client say -> what to look at. Their own words may hold user, address or password.
_DATABASE = (
    ("authentication failed", "refuses the user or the password of DATABASE_URL"),
    ("no password supplied", "wants a password, and DATABASE_URL has none"),
    ("pg_hba.conf", "does not let this machine or user in (pg_hba.conf)"),
    ("does not exist", "has no such database, user or table: make it, then koudmen db upgrade"),
    ("resolve host", "is not found: the host of DATABASE_URL has no address"),
    ("translate host", "is not found: the host of DATABASE_URL has no address"),
    ("starting up", "is just starting: ask again in a minute"),
    ("too many", "has no connection left: raise max_connections or start fewer processes"),
    ("certificate", "shows a certificate that is not believed"),
    ("SSL", "does not speak TLS as DATABASE_URL asks for"),
    ('missing "="', "cannot be asked: DATABASE_URL is not written postgresql://user:password@host/database"),
    ("invalid", "cannot be asked: DATABASE_URL is not written postgresql://user:password@host/database"),
    ("refused", "does not answer: nothing listens at the host and port of DATABASE_URL"),
    ("timeout", "does not answer in time"),
    ("No such file", "does not answer: the socket that DATABASE_URL names is not there"),
)


def database_fault(error: Exception) -> str:
    """A fault of the database in a few words without names, addresses or passwords."""
    said = str(error)
    return next((words for sign, words in _DATABASE if sign in said), f"does not answer ({type(error).__name__})")


def redis_fault(error: Exception) -> str:
    """A fault of Redis likewise."""
    if isinstance(error, AuthenticationError):
        return "refuses the password of REDIS_URL"
    if isinstance(error, ReadOnlyError):
        return "takes nothing: REDIS_URL names a read-only replica"
    if isinstance(error, RedisConnectionError | RedisTimeoutError | OSError):
        return "does not answer at REDIS_URL: answers are slower, the sweeper does the work"
    if isinstance(error, ValueError):
        return "cannot be asked: REDIS_URL is not written redis://host:6379/0"
    return f"is not well ({type(error).__name__})"
