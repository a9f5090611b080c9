"""An empty database beside the shared one, for tests that break or make things of their own."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


@contextmanager
def beside(url: str) -> Iterator[str]:
    """The address of a new, empty database on the server of `url`; gone at the end, whoever is still connected."""
    name = f"own_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield url.replace("/koudmen?", f"/{name}?")
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
