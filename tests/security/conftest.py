"""A database of its own for tests that break things."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from base.db import make_engine
from koudmen.database import upgrade_at


@pytest.fixture
def own_database(database_url: str) -> Iterator[str]:
    """A migrated, empty database beside the shared one; gone at the end."""
    name = f"own_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = database_url.replace("/koudmen?", f"/{name}?")
    engine = make_engine(url)
    upgrade_at(engine)
    engine.dispose()
    yield url
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
