"""`koudmen keys`: change the key that words and addresses are encrypted with, while the service goes on.

`rotate` makes a new data key: in the key file, or, with KOUDMEN_KEYS, printed for the operator to put in its place
(old and new together). Then the service is restarted, so that every process knows it, and `rewrite` writes every
value again with it; a process that has not been restarted could not read those. `status` counts the values per key:
a key that holds none may be taken out. `rewrite` may be repeated and interrupted at any time.
"""

import os
from collections.abc import Iterator, Sequence

from sqlalchemy import Column, LargeBinary, Table, func, select, type_coerce, update
from sqlalchemy.orm import Session

from base.crypto import add_key, key_number, load_keys, stored_prefix
from base.db import EncryptedJSON, EncryptedText, keys, transaction, use_keys
from base.settings import load_settings
from koudmen.cli import parser
from koudmen.runtime import Runtime, make_runtime, noted
from koudmen.tables import METADATA

BATCH = 500


def main(arguments: Sequence[str]) -> int:
    options = parser("keys")
    options.add_argument("action", choices=["rotate", "rewrite", "status"])
    action = options.parse_args(arguments).action
    if action == "rotate":
        return _new_key()
    runtime = make_runtime(pool_size=1)
    if action == "rewrite":
        count = rewrite(runtime)
        with transaction(runtime.sessions) as session:
            noted(session, "keys rewritten", "keys", values=count)
        print(f"written again: {count} values")
    for number, count in sorted(status(runtime).items()):
        print(f"key {number}: {count} values")
    runtime.engine.dispose()
    return 0


def _new_key() -> int:
    settings = load_settings()
    if settings.keys:
        print("put this in the place of KOUDMEN_KEYS, restart the service, then run `koudmen keys rewrite`:")
        print(add_key(settings.keys))
        return 0
    load_keys(None, settings.home)
    path = settings.home / "keys"
    draft = path.with_name("keys.new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(add_key(path.read_text().strip()) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    print("new key added; restart the service so that every process writes with it, then run `koudmen keys rewrite`")
    return 0


def encrypted_columns() -> Iterator[tuple[Table, "Column[object]"]]:
    """Every encrypted column of every table."""
    for table in METADATA.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, EncryptedText | EncryptedJSON):
                yield table, column


def rewrite(runtime: Runtime) -> int:
    """Write every value that does not use the newest key again. In batches, so that the service goes on."""
    use_keys(load_keys(runtime.settings.keys, runtime.settings.home))
    done = 0
    for table, column in encrypted_columns():
        for wait in (False, True):  # rows that the service was holding are waited for at the end
            count = BATCH
            while count == BATCH:
                count = _one_batch(runtime, table, column, wait=wait)
                done += count
    return done


def _one_batch(runtime: Runtime, table: Table, column: "Column[object]", *, wait: bool) -> int:
    with transaction(runtime.sessions) as session:
        return _batch(session, table, column, wait=wait)


def _batch(session: Session, table: Table, column: "Column[object]", *, wait: bool) -> int:
    key = next(iter(table.primary_key.columns))
    written_with = func.substring(type_coerce(column, LargeBinary), 1, 5, type_=LargeBinary)
    rows = session.execute(
        select(key, column)
        .where(column.is_not(None), written_with != stored_prefix(keys().order[0]))
        .limit(BATCH)
        .with_for_update(skip_locked=not wait)
    ).all()
    for id_, value in rows:
        session.execute(update(table).where(key == id_).values({column.name: value}))
    return len(rows)


def status(runtime: Runtime) -> dict[int, int]:
    """How many values each key holds."""
    counts: dict[int, int] = {}
    with runtime.engine.connect() as connection:
        for table, column in encrypted_columns():
            found = connection.exec_driver_sql(
                f'SELECT substring("{column.name}" from 1 for 5), count(*) FROM "{table.name}" '  # noqa: S608 - our own names
                f'WHERE "{column.name}" IS NOT NULL GROUP BY 1'
            )
            for head, count in found:
                number = key_number(bytes(head))
                counts[number] = counts.get(number, 0) + count
    return counts
