"""A database of its own for tests that break things."""

from collections.abc import Iterator

import pytest

from tests import databases


@pytest.fixture
def own_database(database_url: str) -> Iterator[str]:
    """A migrated, empty database beside the shared one; gone at the end."""
    with databases.migrated(database_url) as url:
        yield url
