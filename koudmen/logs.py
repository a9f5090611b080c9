"""Log files of the children: appended by the child, cut by the supervisor when they are large."""

import os
import shutil
from pathlib import Path

LARGE = 5_000_000
KEPT = 3


def rotate(path: Path, *, large: int = LARGE, kept: int = KEPT) -> bool:
    """Copy a log above `large` bytes to `path.1` (older ones move up, `kept` stay) and empty it; True when it did.

    Copied, not renamed: the child goes on writing to the file it has open (in append mode, so from the start).
    """
    try:
        if path.stat().st_size <= large:
            return False
        for number in range(kept - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
    except OSError:
        return False
    return True


def tail(path: Path, lines: int = 3, *, within: int = 4000) -> str:
    """The last lines of a log joined by ' | ', or '' when there are none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - within))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])
