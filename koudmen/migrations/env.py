"""Alembic's environment: one connection, one advisory lock, so that two starts never migrate at once."""

import os
from typing import Literal

from alembic import context
from sqlalchemy import Connection, text

from base.db import EncryptedJSON, EncryptedText, make_engine
from koudmen.partitions import is_part
from koudmen.tables import METADATA

LOCK = 7671978  # any fixed number


def run() -> None:
    """Bring the database of DATABASE_URL to the newest version, or compare it with the models."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    engine = make_engine(os.environ["DATABASE_URL"], pool_size=1)
    try:
        with engine.connect() as own:
            own.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
            own.execute(text("SET lock_timeout = '2s'"))
            own.commit()
            _migrate(own)
            own.commit()
    finally:
        engine.dispose()  # the connection ends, and with it the lock


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=METADATA, compare_type=True, render_item=_render, include_name=_include
    )
    with context.begin_transaction():
        context.run_migrations()


def _include(name: str | None, kind: str, _parents: object) -> bool:
    """The tables of the months come and go by themselves."""
    return kind != "table" or not is_part(name)


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A migration names what the database stores, not our classes: they may change, it may not."""
    if kind == "type" and isinstance(item, EncryptedText | EncryptedJSON):
        return "sa.LargeBinary()"
    return False


run()
