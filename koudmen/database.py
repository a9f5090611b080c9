"""Migrations, from the command line and in tests."""

import time
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from base.errors import Refused

TRIES, PAUSE_S = 60, 1.0
_HELD = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def alembic() -> Config:
    """Alembic's settings, without a file of their own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def upgrade() -> None:
    """Bring the database of DATABASE_URL to the newest version, also while the service works in it: a table that
    somebody holds is waited for two seconds (migrations/env.py), as others wait behind us, and then tried again."""
    for _ in range(TRIES):
        try:
            command.upgrade(alembic(), "head")
        except OperationalError as error:
            if not isinstance(error.orig, _HELD):
                raise
            time.sleep(PAUSE_S)
        else:
            return
    raise Refused(
        "the database is too busy to be changed: end what holds its tables (a backup, a long query), and repeat"
    )


def upgrade_at(engine: Engine) -> None:
    """Bring the database of an engine to the newest version."""
    config = alembic()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
