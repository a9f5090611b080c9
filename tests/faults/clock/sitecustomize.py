"""A clock that jumps, for the processes of a test: with this folder on PYTHONPATH `base.clock.now` is off by the
seconds in the file that KOUDMEN_TEST_CLOCK names. The service itself has no such switch."""

import os
from contextlib import suppress
from pathlib import Path

_FILE = Path(os.environ.get("KOUDMEN_TEST_CLOCK") or "")

if _FILE.name:
    with suppress(ImportError):  # a Python of another environment (Rasa's)
        from datetime import UTC, datetime, timedelta

        import base.clock

        def _now() -> datetime:
            off = 0.0
            with suppress(OSError, ValueError):
                off = float(_FILE.read_text())
            return datetime.now(UTC) + timedelta(seconds=off)

        base.clock.now = _now
