"""`koudmen backup FILE`, `koudmen backup FILE --drill`, `koudmen backup FILE --restore`.

The drill puts the file into a database of its own beside the running one, opens a value of every encrypted column
with the keys that are in use, compares the version, says what it found and removes the database again.
"""

from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from base.crypto import KeyRing, load_keys
from base.db import EncryptedJSON, EncryptedText
from base.errors import ConfigError, Refused
from base.settings import Settings, load_settings
from koudmen import backup
from koudmen.cli import parser
from koudmen.tables import METADATA

SAMPLES = 20


def main(arguments: Sequence[str]) -> int:
    options = parser("backup")
    options.add_argument("file", type=Path)
    options.add_argument("--drill", action="store_true", help="try the file, harming nothing")
    options.add_argument("--restore", action="store_true", help="put the file in the place of the database's contents")
    chosen = options.parse_args(arguments)
    settings = load_settings()
    url = settings.database_url
    if not url:
        raise ConfigError("DATABASE_URL is not set, and no `make up` runs in this home")
    if chosen.drill:
        print(drill(settings, url, chosen.file))
    elif chosen.restore:
        backup.restore(url, chosen.file)
        print("restored; restart the service. What came in since the backup: koudmen reconcile")
    else:
        size = backup.dump(url, chosen.file)
        print(f"{chosen.file}: {size:,} bytes. Keep the keys elsewhere; without them it is worthless")
    return 0


def drill(settings: Settings, url: str, path: Path) -> str:
    """Restore beside, look, remove. Refused when the backup is not good; else what was in it."""
    ring = load_keys(settings.keys, settings.home)
    with backup.scratch(url) as there:
        backup.restore(there, path)
        at, wanted = backup.version(there), backup.newest()
        with psycopg.connect(there) as connection:
            messages = connection.execute("SELECT count(*) FROM inbound_message").fetchone()
            opened = _open_some(connection, ring)
    note = "" if at == wanted else f"; it is of version {at}, the code needs {wanted}: run koudmen db upgrade after it"
    return f"good: {messages[0] if messages else 0:,} messages, {opened} encrypted values opened{note}"


def _open_some(connection: "psycopg.Connection[tuple[object, ...]]", ring: KeyRing) -> int:
    opened = 0
    for table in METADATA.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, EncryptedText | EncryptedJSON):
                query = sql.SQL("SELECT {c} FROM {t} WHERE {c} IS NOT NULL LIMIT {n}").format(
                    c=sql.Identifier(column.name), t=sql.Identifier(table.name), n=sql.Literal(SAMPLES)
                )
                for (value,) in _rows(connection, query):
                    _open(ring, bytes(value), column.type.purpose)
                    opened += 1
    return opened


def _rows(connection: "psycopg.Connection[tuple[object, ...]]", query: sql.Composed) -> list[tuple[bytes]]:
    try:
        return connection.execute(query).fetchall()  # type: ignore[return-value]
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        connection.rollback()  # a backup of an older version
        return []


def _open(ring: KeyRing, value: bytes, purpose: str) -> None:
    try:
        ring.decrypt(value, purpose)
    except ConfigError as error:
        raise Refused(f"the backup does not open with these keys: {error}") from None
