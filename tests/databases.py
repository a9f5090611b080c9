"""The shared database between tests, and others beside it for tests that break or make things of their own; and back to
an older version."""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import psycopg
from alembic import command
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, text

from base.db import make_engine
from koudmen.database import alembic, upgrade_at
from koudmen.tables import METADATA

MIGRATED = "migrated"  # a database that others are copied from
# Of the sequences that number these tables, those that have been used begin anew.
_RESTART = text("""
SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence
JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = seqrelid AND deptype IN ('a', 'i')
WHERE refobjid IN (SELECT cast(name AS regclass) FROM unnest(cast(:names AS text[])) AS name)
  AND pg_sequence_last_value(seqrelid) IS NOT NULL
""")


@contextmanager
def beside(url: str, *, like: str = "template1") -> Iterator[str]:
    """The address of a new, empty database on the server of `url`; gone at the end, whoever is still connected."""
    name = f"own_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(like)))
    try:
        yield _named(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def down(engine: Engine, revision: str) -> None:
    """Down to a revision of the migrations."""
    config = alembic()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()


@contextmanager
def migrated(url: str) -> Iterator[str]:
    """As `beside`, at the newest version: the migrations run once on a server, and are copied from then on."""
    with psycopg.connect(url, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MIGRATED]).fetchone()
        if not there:
            new = f"new_{uuid.uuid4().hex[:12]}"  # named when it is whole
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(new)))
            engine = make_engine(_named(url, new), pool_size=1)
            try:
                upgrade_at(engine)
            finally:
                engine.dispose()
            connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(new), Identifier(MIGRATED)))
    with beside(url, like=MIGRATED) as found:
        yield found


def _named(url: str, name: str) -> str:
    return url.replace("/koudmen?", f"/{name}?")


def empty(engine: Engine, kept: Collection[str]) -> None:
    """Take everything out but these tables, and number anew, as TRUNCATE does, which takes ten times as long for what
    is mostly empty already. As there, whoever is at work in the tables is waited for."""
    names = [f'"{table.name}"' for table in METADATA.sorted_tables if table.name not in kept]
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names)
    with engine.begin() as connection:
        connection.execute(text(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no table asks another
        for name in connection.scalars(text(filled)).all():
            connection.execute(text(f"DELETE FROM {name}"))
        connection.execute(_RESTART, {"names": names})
