"""What is known of one process before it runs, as data."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Check = Callable[[], bool]
# Set in each child to the home it serves, so that one left behind can be told from a stranger.
MARK = "KOUDMEN_RUN"


@dataclass(frozen=True)
class Process:
    """One process: what to run, how to see that it is ready, how to end it.

    `env` is its whole environment (None: that of the parent). `stop_order`: lower ends first. `prepare` runs before
    each start and may raise KoudmenError. `ready` must answer within about a second and never raise.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] | None = field(default=None, repr=False)
    ready: Check | None = None
    prepare: Callable[[], None] | None = None
    title: str = ""
    stop_order: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    grace_s: float = 8.0
    as_nobody: bool = False
    restart: bool = True

    @property
    def label(self) -> str:
        """What a person is told it is called."""
        return self.title or self.name


def environment(home: Path, extra: Mapping[str, str] | None = None, *, own: bool = True) -> dict[str, str]:
    """A child's environment: this one's and `extra`. Programs that are not ours (`own` false) get none of our secrets.

    Variables of PostgreSQL's client library (PGHOST …) are left out: they would bend the embedded addresses.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if not own:
        ours = ("TWILIO_", "KOUDMEN_", "RASA_", "DATABASE_URL", "REDIS_URL")
        kept = {name: value for name, value in kept.items() if not name.startswith(ours)}
    return {**kept, "PYTHONUNBUFFERED": "1", **(extra or {}), MARK: str(home)}
