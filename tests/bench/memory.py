"""Memory of the service's processes, as Linux counts it: what they share is counted once (PSS)."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.bench.usage import PROC, descendants

EACH_S = 5.0


def megabytes(parts: Mapping[str, int]) -> float:
    """Of all these processes and their children together; 0 where the system does not tell."""
    return sum(_pss(pid) for top in parts.values() for pid in descendants(top)) / 1024


def _pss(pid: int) -> int:
    """Kilobytes of one process."""
    with suppress(OSError, ValueError, StopIteration):
        rows = Path(PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return int(next(row for row in rows if row.startswith("Pss:")).split()[1])
    return 0


class Watch:
    """The most that was seen during the block, in `most`."""

    def __init__(self, parts: Mapping[str, int]) -> None:
        self.parts, self.most = parts, 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._ended.wait(EACH_S):
            self.most = max(self.most, megabytes(self.parts))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self.most = max(self.most, megabytes(self.parts))
