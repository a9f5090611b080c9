"""An embedded PostgreSQL or Valkey for the length of a block, all of its files in one folder (the home).

For tests and one-off commands; `up` supervises the same processes itself. Several homes run side by side. To be
used in the main thread: on Linux the servers end when the thread that started them does.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from base.errors import Refused
from koudmen import home, logs
from koudmen.child import Child
from koudmen.postgres import postgres_process, postgres_url
from koudmen.process import Process
from koudmen.valkey import valkey_process, valkey_url

START_S = 60.0


@contextmanager
def embedded_postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """A PostgreSQL in `folder` for the length of the block; gives its DATABASE_URL.

    Raises Refused when one is already running there or it does not start.
    """
    folder = folder.resolve()
    home.make(folder)
    with home.locked(folder, "postgres"), _running(postgres_process(folder, durable=durable), folder):
        yield postgres_url(folder)
    home.forget_sockets(folder)


@contextmanager
def embedded_valkey(folder: Path) -> Iterator[str]:
    """A Valkey in `folder` for the length of the block; gives its REDIS_URL. Raises Refused as above."""
    folder = folder.resolve()
    home.make(folder)
    with home.locked(folder, "valkey"), _running(valkey_process(folder), folder):
        yield valkey_url(folder)
    home.forget_sockets(folder)


@contextmanager
def _running(process: Process, folder: Path) -> Iterator[None]:
    child = Child(process, folder)
    child.start()
    try:
        until = time.monotonic() + START_S
        while process.ready and not process.ready():
            if (code := child.exit_code()) is not None or time.monotonic() > until:
                raise Refused(f"{process.label} does not start ({code}); {child.log}: {logs.tail(child.log)}")
            time.sleep(0.02)
        yield
    finally:
        child.stop()
