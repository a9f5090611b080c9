"""The folder that holds all state of the embedded default: its parts, its lock, its health."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from base.errors import Refused
from koudmen import family
from koudmen.process import MARK

NEEDED_MB = 300
SOCKET_PATH_MAX = 100  # the kernel's limit is 107 bytes on Linux, 103 on macOS
LONGEST_SOCKET = ".s.PGSQL.5432"


def make(home: Path, *, needed_mb: int = NEEDED_MB) -> None:
    """Create the folders, open to nobody else. Raises Refused when they cannot be written or the disk is full."""
    try:
        for folder in (home, home / "run", home / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        probe = home / "run" / "probe"
        probe.write_bytes(bytes(4096))
        probe.unlink()
    except OSError as error:
        reason = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else error.strerror
        raise Refused(f"cannot write to {home}: {reason} (KOUDMEN_HOME names another folder)") from None
    if (free := free_mb(home)) < needed_mb:
        raise Refused(
            f"only {free} MB are free on the disk of {home}: at least {needed_mb} MB are needed (KOUDMEN_HOME moves it)"
        )


def free_mb(home: Path) -> int:
    """Megabytes that are free where the home is."""
    return shutil.disk_usage(home).free // 1_000_000


@contextmanager
def locked(home: Path, part: str) -> Iterator[None]:
    """Hold a part of the home ('up', 'postgres', 'valkey'). Raises Refused, naming the holder, when another has it."""
    make(home, needed_mb=0)
    with (home / "run" / f"{part}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise Refused(
                f"already running in {home} (process {holder}): stop it, or name another KOUDMEN_HOME"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def socket_folder(home: Path) -> Path:
    """A folder for unix sockets, closed to others: in the home, or in /tmp where the home's path is too long.

    Raises Refused when somebody else owns the folder in /tmp.
    """
    inside = home / "run"
    if len(os.fsencode(inside / LONGEST_SOCKET)) <= SOCKET_PATH_MAX:
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        return inside
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    short = Path("/tmp") / f"koudmen-{os.geteuid()}-{name}"  # noqa: S108 (0700 and owned by us, checked below)
    with suppress(FileExistsError):
        short.mkdir(mode=0o700)
    found = short.lstat()
    if not short.is_dir() or short.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Refused(f"{short} is not a folder of ours: remove it, or use a KOUDMEN_HOME with a shorter path")
    return short


def forget_sockets(home: Path) -> None:
    """Remove the folder in /tmp once it is empty."""
    folder = socket_folder(home)
    if folder.parent != home:
        with suppress(OSError):
            folder.rmdir()


def _addresses(home: Path) -> Path:
    return home / "run" / "addresses.json"


def write_addresses(home: Path, addresses: Mapping[str, str]) -> None:
    """Leave DATABASE_URL, REDIS_URL, RASA_URL, RASA_TOKEN for other commands on this machine (mode 0600)."""
    draft = _addresses(home).with_suffix(".new")
    with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(dict(addresses), file)
    draft.replace(_addresses(home))


def read_addresses(home: Path) -> dict[str, str]:
    """What `write_addresses` left while `up` runs in this home; empty when it does not."""
    try:
        return {str(name): str(value) for name, value in json.loads(_addresses(home).read_text()).items()}
    except (OSError, ValueError):
        return {}


def forget_addresses(home: Path) -> None:
    """Remove them: the service has stopped."""
    _addresses(home).unlink(missing_ok=True)


def end_leftovers(home: Path, *, grace_s: float = 8.0) -> list[str]:
    """End processes of an earlier `up` in this home that was killed: wait `grace_s` for them, then kill.

    Only to be called with the lock held. Returns their names.
    """
    left = {path: pid for path in (home / "run").glob("*.pid") if (pid := _marked(path, home))}
    names = [path.stem for path in left]
    until = time.monotonic() + grace_s
    while any(_marked(path, home) for path in left) and time.monotonic() < until:
        time.sleep(0.1)
    for path, pid in left.items():
        if _marked(path, home):
            family.end_session(pid)
    for path in (home / "run").glob("*.pid"):
        path.unlink(missing_ok=True)
    forget_addresses(home)
    return names


def _marked(path: Path, home: Path) -> int | None:
    """The living process that a pid file names, when it carries this home's mark."""
    with suppress(OSError, ValueError):
        pid = int(path.read_text())
        if family.environment_of(pid).get(MARK) == str(home):
            return pid
    return None
