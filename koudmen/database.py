"""Migrations, from the command line and in tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def alembic() -> Config:
    """Alembic's settings, without a file of their own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def upgrade() -> None:
    """Bring the database of DATABASE_URL to the newest version."""
    command.upgrade(alembic(), "head")


def upgrade_at(engine: Engine) -> None:
    """Bring the database of an engine to the newest version."""
    config = alembic()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
