"""The spool: where messages and delivery reports are kept, encrypted and synced, while the database is away.

One file holds what was written at the same moment. Names rise with time, so that files are taken in order; a file is
removed only after its contents are committed, and what is in the database twice has one effect (the inbox is unique on
the carrier's id, reports have ranks).
"""

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from base.clock import now
from base.db import keys
from base.errors import ConfigError, Refused

PURPOSE = "spool"
OLD_DRAFT_S = 600
_SUFFIX = ".spool"
Entry = dict[str, Any]


class Spool:
    """A folder that only this user reads. Several processes may use one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last = 0
        self.lock = threading.Lock()

    def check(self) -> None:
        """Make the folder and write to it once. ConfigError when that fails: a service that could lose messages when
        its database blinks must not start."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            probe = self.folder / f"probe.{os.getpid()}.{threading.get_ident()}"
            _write(probe, bytes(4096))
            probe.unlink()
            self._clear_drafts()
        except OSError as error:
            raise ConfigError(
                f"the spool {self.folder} cannot be written to ({error.strerror}): KOUDMEN_SPOOL names another folder"
            ) from None

    def _clear_drafts(self) -> None:
        """Half-written files of processes that died: nobody was told that they were taken."""
        for draft in self.folder.glob("*.draft"):
            if now().timestamp() - draft.stat().st_mtime > OLD_DRAFT_S:
                draft.unlink(missing_ok=True)

    def put(self, entries: Sequence[Entry]) -> Sequence[None]:
        """Keep entries: when this returns they survive a power cut. Refused when the disk does not take them."""
        name = f"{self._next():020d}-{os.getpid()}"
        draft, path = self.folder / f"{name}.draft", self.folder / f"{name}{_SUFFIX}"
        try:
            _write(draft, keys().encrypt(orjson.dumps(list(entries)), PURPOSE))
            draft.rename(path)
            _sync(self.folder)
        except OSError as error:
            for left in (draft, path):
                left.unlink(missing_ok=True)
            raise Refused(f"the spool does not take anything: {error.strerror}") from None
        return [None] * len(entries)

    def _next(self) -> int:
        """The time in nanoseconds, always rising: in this process, and above what lies there when it begins (the clock
        may have gone back)."""
        with self.lock:
            if not self.last and (names := self.names()):
                self.last = int(names[-1].partition("-")[0])
            self.last = max(self.last + 1, int(now().timestamp() * 1e9))
            return self.last

    def names(self) -> list[str]:
        """The files that wait, oldest first."""
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(_SUFFIX))
        except FileNotFoundError:
            return []

    def count(self, most: int) -> int:
        """How many files wait, without reading further than `most`."""
        try:
            with os.scandir(self.folder) as found:
                return sum(1 for _ in islice((one for one in found if one.name.endswith(_SUFFIX)), most))
        except FileNotFoundError:
            return 0

    def empty(self) -> bool:
        return self.count(1) == 0

    def read(self, name: str) -> list[Entry] | None:
        """What a file holds; None when it does not open (a damaged disk, a key that is missing)."""
        try:
            raw = keys().decrypt((self.folder / name).read_bytes(), PURPOSE)
        except ConfigError:
            return None
        return list(orjson.loads(raw))

    def remove(self, name: str) -> None:
        """Its contents are in the database."""
        (self.folder / name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Keep a file that cannot be taken in out of the way of the others. `doctor` and /readyz tell of it."""
        (self.folder / name).rename(self.folder / name.replace(_SUFFIX, ".damaged"))

    def damaged(self) -> int:
        """How many files were set aside."""
        try:
            return sum(name.endswith(".damaged") for name in os.listdir(self.folder))
        except FileNotFoundError:
            return 0

    @contextmanager
    def mine(self) -> Iterator[bool]:
        """Whether nobody else takes files out meanwhile."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """The name of a new file is on disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
