"""How often one caller may ask, kept in this process's memory: no database and no Redis is needed to say no."""

import threading
from dataclasses import dataclass, field

MOST_CALLERS = 10_000


@dataclass(slots=True)
class Buckets:
    """A bucket of tokens for each caller: `burst` at once, `per_minute` in the long run. Times are seconds."""

    per_minute: int
    burst: int
    left: dict[str, tuple[float, float]] = field(default_factory=dict)  # caller -> (tokens, when reckoned)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, caller: str, at: float) -> float:
        """0 when the caller may go on, else in how many seconds they may ask again."""
        with self.lock:
            tokens, then = self.left.pop(caller, (float(self.burst), at))
            tokens = min(self.burst, tokens + (at - then) * self.per_minute / 60)
            allowed = tokens >= 1
            self.left[caller] = (tokens - 1 if allowed else tokens, at)  # at the end: the oldest stand first
            while len(self.left) > MOST_CALLERS:
                self.left.pop(next(iter(self.left)))
        return 0.0 if allowed else (1 - tokens) * 60 / self.per_minute
