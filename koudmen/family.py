"""Who descends from whom: find and end what a process left behind. Linux reads /proc; elsewhere process groups do."""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PROC = Path("/proc")


def adopt_orphans() -> None:
    """From now on a grandchild whose parent ends becomes our child (Linux), so that none is lost from sight."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _stats() -> dict[int, tuple[int, int, str]]:
    """Process id -> (parent, session, state) of all that run."""
    found: dict[int, tuple[int, int, str]] = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            found[int(entry.name)] = (int(fields[1]), int(fields[3]), fields[0])
    return found


def session_members(session: int) -> list[int]:
    """Living processes of a session (zombies are not living)."""
    return [pid for pid, (_, its, state) in _stats().items() if its == session and state != "Z"]


def children_of(parent: int) -> list[int]:
    """Its children, zombies too."""
    return [pid for pid, (its, _, _) in _stats().items() if its == parent]


def end_session(session: int, *, within_s: float = 3.0) -> None:
    """Kill what is left of a session and wait until it is gone."""
    if not PROC.is_dir():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
        return
    until = time.monotonic() + within_s
    while (members := session_members(session)) and time.monotonic() < until:
        for pid in members:
            send(pid, signal.SIGKILL)
        time.sleep(0.01)


def end_orphans(known: set[int]) -> None:
    """Kill and reap our children that we did not start (adopted when their parent died)."""
    for pid in set(children_of(os.getpid())) - known:
        send(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def send(pid: int, signum: signal.Signals) -> None:
    """A signal to a process that may be gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signum)


def every_process() -> list[int]:
    """The ids of all processes (Linux)."""
    return [int(entry.name) for entry in PROC.glob("[0-9]*")]


def folder_of(pid: int) -> Path | None:
    """A process's working directory; None when it cannot be read."""
    try:
        return Path(os.readlink(PROC / str(pid) / "cwd"))
    except OSError:
        return None


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it cannot be read."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.partition("=")[::2] for pair in raw.split("\0") if "=" in pair)


def name_of(pid: int) -> str:
    """The program's short name; empty when it cannot be read."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def interrupted(make: int) -> bool:
    """Whether GNU make, our parent, has been sent SIGINT by itself and now waits for us without telling us.

    make passes SIGTERM on, but expects SIGINT to have come from the terminal to all of us. Once in its handler it no
    longer catches SIGINT (SigCgt) and blocks it (SigBlk).
    """
    try:
        lines = (PROC / str(make) / "status").read_text().splitlines()
        masks = dict(line.split(":\t", 1) for line in lines if line.startswith(("SigCgt", "SigBlk")))
        bit = 1 << (signal.SIGINT - 1)
        return not int(masks["SigCgt"], 16) & bit and bool(int(masks["SigBlk"], 16) & bit)
    except (OSError, KeyError, ValueError):
        return False
