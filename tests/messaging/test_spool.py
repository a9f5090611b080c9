"""The spool folder: what was put in is read back in order, closed to others, and never lost by a damaged file."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from base.clock import now
from base.errors import ConfigError, Refused
from messaging.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    found = Spool(tmp_path / "spool")
    found.check()
    return found


def test_what_is_put_in_is_read_in_order(spool: Spool) -> None:
    for number in range(20):
        spool.put([{"n": number}, {"n": f"{number} è"}])
    entries = [entry["n"] for name in spool.names() for entry in spool.read(name) or []]
    assert entries == [n for number in range(20) for n in (number, f"{number} è")]
    for name in spool.names():
        spool.remove(name)
    assert spool.empty()


def test_nobody_else_reads_it_and_no_word_is_in_the_clear(spool: Spool) -> None:
    spool.put([{"text": "li frape m"}])
    [path] = [spool.folder / name for name in spool.names()]
    assert (spool.folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert b"frape" not in path.read_bytes()


def test_a_damaged_file_is_set_aside_and_kept(spool: Spool) -> None:
    spool.put([{"n": 1}])
    [name] = spool.names()
    path = spool.folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert spool.read(name) is None
    spool.set_aside(name)
    assert (spool.empty(), spool.damaged()) == (True, 1)


def test_a_file_of_a_write_that_was_cut_off_is_never_read(spool: Spool) -> None:
    (spool.folder / "00000000000000000001-1.draft").write_bytes(b"half")
    assert spool.empty()


def test_only_one_at_a_time_takes_out(spool: Spool) -> None:
    with spool.mine() as first, spool.mine() as second:
        assert (first, second) == (True, False)
    with spool.mine() as again:
        assert again


def test_a_folder_that_cannot_be_written_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="KOUDMEN_SPOOL"):
        Spool(tmp_path / "file" / "spool").check()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """A process that may not make files longer than nothing meets what a full disk gives."""
    script = f"""
import resource
from pathlib import Path
from base.crypto import new_key_text, parse_keys
from base.db import use_keys
from base.clock import now
from base.errors import Refused
from messaging.spool import Spool
use_keys(parse_keys(new_key_text()))
spool = Spool(Path({str(tmp_path)!r}) / "spool")
spool.check()
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    spool.put([{{"text": "x"}}])
except Refused:
    raise SystemExit(7)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == 7
    assert [name for name in os.listdir(tmp_path / "spool") if not name.startswith("probe")] == []


def test_a_folder_that_vanished_is_refused(spool: Spool) -> None:
    spool.folder.rmdir()
    with pytest.raises(Refused):
        spool.put([{"n": 1}])


def test_the_order_holds_when_the_clock_goes_back(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, and in one that is started afterwards."""
    spool.put([{"n": 1}])
    earlier = now() - timedelta(hours=2)
    monkeypatch.setattr("messaging.spool.now", lambda: earlier)
    spool.put([{"n": 2}])
    again = Spool(spool.folder)
    again.put([{"n": 3}])
    assert [entry["n"] for name in again.names() for entry in again.read(name) or []] == [1, 2, 3]


def test_how_many_wait_is_told_without_reading_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    assert spool.empty()
    spool.check()
    (spool.folder / "half.draft").touch()
    assert spool.empty()
    for _ in range(3):
        spool.put([{}])
    assert [spool.count(most) for most in (1, 2, 3, 4)] == [1, 2, 3, 3]
