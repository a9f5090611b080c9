"""The embedded servers: real ones, in homes of their own."""

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from base.errors import Refused
from koudmen import family, home
from koudmen.embedded import embedded_postgres, embedded_valkey


def pid_of(folder: Path, name: str) -> int:
    return int((folder / "run" / f"{name}.pid").read_text())


def wait_gone(pid: int) -> None:
    """Reap our own child that has been killed."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_postgres_keeps_what_was_written_and_ends_with_the_block(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as url:
        server = pid_of(tmp_path, "postgres")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t (words text)")
            connection.execute("INSERT INTO t VALUES ('mwen bezwen yon doktè')")
    assert not family.session_members(server)
    with embedded_postgres(tmp_path, durable=False) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT words FROM t").fetchone() == ("mwen bezwen yon doktè",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    assert not list((tmp_path / "run").glob(".s.PGSQL*"))


def test_durable_is_the_default(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as url, psycopg.connect(url) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_starts_after_kill_with_sessions_open(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t (n int)")
            connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.OperationalError), psycopg.connect(url) as connection:  # noqa: PT012
            os.kill(pid_of(tmp_path, "postgres"), signal.SIGKILL)
            wait_gone(pid_of(tmp_path, "postgres"))
            connection.execute("SELECT pg_sleep(5)")
    assert (tmp_path / "postgres" / "postmaster.pid").exists()
    with embedded_postgres(tmp_path) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (1,)


def test_starts_although_the_old_number_now_belongs_to_a_stranger(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False):
        lock = (tmp_path / "postgres" / "postmaster.pid").read_text()
    stranger = "\n".join([str(os.getpid()), *lock.split("\n")[1:]])
    (tmp_path / "postgres" / "postmaster.pid").write_text(stranger)
    (tmp_path / "run" / ".s.PGSQL.5432.lock").write_text(stranger)
    with embedded_postgres(tmp_path, durable=False) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_half_a_first_start_is_not_mistaken_for_a_cluster(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with embedded_postgres(tmp_path, durable=False) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_no_word_reaches_the_log(tmp_path: Path) -> None:
    words = "canary-kanari-4471"
    with embedded_postgres(tmp_path, durable=False) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (words text UNIQUE)")
        connection.execute("INSERT INTO t VALUES (%s)", (words,))
        for statement in ("INSERT INTO t VALUES (%s)", "SELECT (%s)::int", "SELECT nothing(%s)"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, (words,))
        with pytest.raises(psycopg.Error):
            connection.execute(f"SELEKT '{words}'")
    assert words not in (tmp_path / "logs" / "postgres.log").read_text()


def test_a_second_server_in_the_same_home_is_refused(tmp_path: Path) -> None:
    with (
        embedded_valkey(tmp_path),
        pytest.raises(Refused, match=f"already running in .*process {os.getpid()}"),
        embedded_valkey(tmp_path),
    ):
        pass


def test_several_homes_side_by_side_even_with_long_paths(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name-for-a-home"] * 4)
    with embedded_postgres(deep, durable=False) as one, embedded_postgres(tmp_path, durable=False) as two:
        assert one != two
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE only_here (n int)")
        with psycopg.connect(two) as connection, pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM only_here")
        sockets = home.socket_folder(deep)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_a_folder_of_somebody_else_in_tmp_is_not_used(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name-for-a-home"] * 4)
    folder = home.socket_folder(deep)
    try:
        folder.chmod(0o777)
        with pytest.raises(Refused, match="is not a folder of ours"):
            home.socket_folder(deep)
    finally:
        folder.rmdir()


def test_valkey_keeps_nothing_on_disk_and_listens_on_its_socket_alone(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as url, Redis.from_url(url, decode_responses=True) as client:
        client.set("bell", 1)
        wanted = {"appendonly": "no", "save": "", "maxmemory-policy": "noeviction", "port": "0"}
        assert client.config_get(*wanted) == wanted
        server = pid_of(tmp_path, "valkey")
    assert not family.session_members(server)
    assert not list(tmp_path.rglob("*.rdb"))
    with embedded_valkey(tmp_path) as url, Redis.from_url(url, decode_responses=True) as client:
        assert client.get("bell") is None


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot write to .*KOUDMEN_HOME"):
        home.make(tmp_path / "file" / "home")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="MB are free on the disk"):
        home.make(tmp_path, needed_mb=10**9)
