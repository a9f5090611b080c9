"""A database of its own for tests that break things."""

from collections.abc import Iterator

import pytest

from base.db import make_engine
from koudmen.database import upgrade_at
from tests import databases


@pytest.fixture
def own_database(database_url: str) -> Iterator[str]:
    """A migrated, empty database beside the shared one; gone at the end."""
    with databases.beside(database_url) as url:
        engine = make_engine(url)
        upgrade_at(engine)
        engine.dispose()
        yield url
