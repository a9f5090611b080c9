"""Processor time by process, as Linux counts it; elsewhere nothing is said."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """What processes (by name) and their children have used since this was made. This very process, who sends the
    messages and stands in for Twilio, is `bench`."""

    def __init__(self, parts: Mapping[str, int]) -> None:
        self.parts = parts
        self.begun = time.monotonic()
        self.busy, self.before = _busy_seconds(), self._seconds()

    def ms_each(self, count: int) -> dict[str, float]:
        """Milliseconds for each of `count` messages, by process, largest first."""
        used = {name: now - self.before.get(name, 0.0) for name, now in self._seconds().items()}
        return {name: used[name] * 1000 / count for name in sorted(used, key=used.__getitem__, reverse=True)}

    def others(self) -> float:
        """The share (0 to 1) of all processors that programs which are not part of this used meanwhile."""
        ours = sum(now - self.before.get(name, 0.0) for name, now in self._seconds().items())
        whole = (time.monotonic() - self.begun) * (os.cpu_count() or 1)
        return max(0.0, _busy_seconds() - self.busy - ours) / whole

    def _seconds(self) -> dict[str, float]:
        if not PROC.is_dir():
            return {}
        stats = _stats()
        return {"bench": sum(os.times()[:2]), **{name: _tree(pid, stats) for name, pid in self.parts.items()}}


def busy(pid: int) -> float:
    """Seconds of processor time that one process has used; 0 where nothing is said."""
    return _tree(pid, _stats()) if PROC.is_dir() else 0.0


def _busy_seconds() -> float:
    """What all processors together have worked since the machine began (user, nice, system, irq, softirq, steal)."""
    if not (PROC / "stat").exists():
        return 0.0
    fields = [int(field) for field in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields[:3] + fields[5:8]) / TICKS


def _stats() -> dict[int, tuple[int, float]]:
    """Process id -> (parent, seconds used by it and by its children that have ended)."""
    found = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            found[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICKS
    return found


def seconds_of(pid: int) -> float:
    """What one process has used itself; 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / TICKS
    return 0.0


def _tree(pid: int, stats: dict[int, tuple[int, float]]) -> float:
    own = stats[pid][1] if pid in stats else 0.0
    return own + sum(_tree(child, stats) for child, (parent, _) in stats.items() if parent == pid)


def descendants(pid: int) -> list[int]:
    """A process and all its children, as far as they live."""
    stats = _stats()
    found = [pid] if pid in stats else []
    for one in found:
        found += [child for child, (parent, _) in stats.items() if parent == one]
    return found
