"""What goes wrong in the storm: every process killed as by kill -9, frozen, or made to fail, from a seeded dice."""

import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from base.settings import ROOT
from koudmen import home
from tests.bench.stack import Stack
from tests.bench.usage import descendants

KILLED = (
    "postgres", "valkey", "rasa", "web", "staff", "worker-turn", "worker-turn-2", "worker-send", "worker-protect",
    "sweeper", "engine",
)  # fmt: skip
FROZEN = ("rasa", "worker-turn", "worker-send", "worker-protect", "sweeper", "engine", "web")
FREEZE_S = 4.0  # shorter than a claim: a sender that stands still for longer is tests/faults/test_run.py's
JUMP_S = 7200.0
CLOCK = Path(__file__).parents[1] / "faults" / "clock"
_POISON = text("""
UPDATE conversation SET pace = '\\x00' WHERE id IN (
  SELECT conversation_id FROM inbound_message WHERE handled_at IS NULL ORDER BY id DESC LIMIT 1) RETURNING id
""")


def clock_environment(folder: Path) -> dict[str, str]:
    """What lets the clocks of the service's processes jump."""
    return {"PYTHONPATH": f"{CLOCK}:{ROOT}", "KOUDMEN_TEST_CLOCK": str(folder / "clock")}


class Weather:
    """One fault after another, `every` seconds on average, until it is told to clear up. `made` counts them by kind."""

    def __init__(self, stack: Stack, seed: int, every: float) -> None:
        self.stack, self.every = stack, every
        self.dice = random.Random(seed)
        self.made: Counter[str] = Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._blow, daemon=True)

    def _blow(self) -> None:
        kinds = self._kinds()
        names, weights = list(kinds), [weight for weight, _ in kinds.values()]
        while not self.over.wait(self.dice.expovariate(1 / self.every)):
            [name] = self.dice.choices(names, weights)
            if kinds[name][1]() is not False:
                self.made[name] += 1

    def clear_up(self) -> None:
        """No more faults, and what lasted ends."""
        self.over.set()
        self.thread.join()
        self.stack.double.heal()
        self.stack.double.callbacks = "in order"

    def _kinds(self) -> Mapping[str, tuple[float, Callable[[], object]]]:
        """Name -> (how often beside the others, what it does; False when there was nothing to do it to)."""
        double = self.stack.double
        kinds: dict[str, tuple[float, Callable[[], object]]] = {
            f"kill {name}": (1.0, partial(self._kill, name)) for name in KILLED
        }
        kinds |= {f"freeze {name}": (0.3, partial(self._freeze, name, FREEZE_S)) for name in FROZEN}
        return kinds | {
            "freeze postgres 30 s": (0.15, lambda: self._freeze("postgres", 30.0)),
            "freeze postgres 5 s": (0.5, lambda: self._freeze("postgres", 5.0)),
            "kill a web worker": (0.5, self._kill_web_worker),
            "disk full, database away": (0.5, self._full),
            "flush valkey": (0.7, lambda: self._valkey(lambda one: one.flushall())),
            "valkey read-only": (0.4, self._read_only),
            "poisoned conversation": (1.0, self._poison),
            "clock ahead": (0.4, lambda: self._jump(JUMP_S)),
            "clock behind": (0.4, lambda: self._jump(-JUMP_S)),
            "twilio 429": (0.5, lambda: self._limit(15.0)),
            "twilio 500": (0.7, lambda: double.fail(500, times=10)),
            "twilio 503": (0.5, lambda: double.fail(code=20503, times=10)),
            "twilio drops before": (0.5, lambda: double.drop(times=10)),
            "twilio drops after taking": (0.7, lambda: double.drop(accepted=True, times=10)),
            "twilio hangs": (0.3, lambda: double.hang(times=4)),
            "twilio hangs after taking": (0.3, lambda: double.hang(accepted=True, times=4)),
            "twilio cuts connections": (0.5, double.cut_connections),
            "twilio's list fails": (0.5, lambda: double.fail(500, on="read", times=3)),
            "undelivered": (0.5, lambda: double.fail_later(30003, times=10)),
            "reports backwards": (0.4, lambda: self._reports("reversed")),
            "reports twice": (0.4, lambda: self._reports("duplicate")),
            "no reports": (0.4, lambda: self._reports("none")),
            "webhooks repeated": (1.0, self._repeat),
            "webhooks lost": (0.7, self._lose),
        }

    # -- processes

    def _pid(self, name: str) -> int | None:
        return self.stack.parts().get(name)

    def _kill(self, name: str) -> bool:
        pid = self._pid(name)
        with suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def _kill_web_worker(self) -> bool:
        pid = self._pid("web")
        children = descendants(pid)[1:] if pid else []
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return bool(children)

    @contextmanager
    def _standing(self, name: str) -> Iterator[bool]:
        pid = self._pid(name)
        all_of_it = descendants(pid) if pid else []
        _signal(all_of_it, signal.SIGSTOP)
        try:
            yield bool(all_of_it)
        finally:
            _signal(all_of_it, signal.SIGCONT)

    def _freeze(self, name: str, seconds: float) -> bool:
        with self._standing(name) as stands:
            self.over.wait(seconds if stands else 0)
        return stands

    def _full(self) -> bool:
        """Nothing can be written down: webhooks are refused meanwhile, and the reconciler fetches the messages."""
        pid = self._pid("web")
        web = descendants(pid) if pid else []
        with self._standing("postgres") as stands:
            for one in web:
                with suppress(ProcessLookupError):
                    resource.prlimit(one, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            self.over.wait(5.0)
            for one in web:
                with suppress(ProcessLookupError):
                    resource.prlimit(one, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return stands and bool(web)

    # -- what is around

    def _valkey(self, do: Callable[["redis.Redis"], object]) -> bool:
        url = home.read_addresses(self.stack.folder).get("REDIS_URL", "")
        try:
            with redis.Redis.from_url(url) as client:
                do(client)
        except (redis.RedisError, ValueError):
            return False
        return True

    def _read_only(self) -> bool:
        made = self._valkey(lambda one: one.replicaof("127.0.0.1", "1"))
        self.over.wait(FREEZE_S)
        self._valkey(lambda one: one.replicaof("NO", "ONE"))
        return made

    def _poison(self) -> bool:
        """What the bot remembers of somebody whose message waits is damaged."""
        for _ in range(40):
            with suppress(SQLAlchemyError), self.stack.engine.begin() as connection:
                if connection.execute(_POISON).first():
                    return True
            time.sleep(0.01)
        return False

    def _jump(self, seconds: float) -> None:
        (self.stack.folder / "clock").write_text(str(seconds))
        self.over.wait(FREEZE_S)
        (self.stack.folder / "clock").write_text("0")

    def _limit(self, rate: float) -> None:
        self.stack.double.limit(rate)
        self.over.wait(FREEZE_S)
        self.stack.double.limit(None)

    def _reports(self, order: str) -> None:
        self.stack.double.callbacks = order
        self.over.wait(FREEZE_S)
        self.stack.double.callbacks = "in order"

    def _repeat(self) -> None:
        """Twilio brings some of the last messages again."""
        recent = list(self.stack.double.inbound)[-500:]
        for sid in self.dice.sample(recent, min(10, len(recent))):
            self.stack.double.repeat(sid)

    def _lose(self) -> None:
        """Messages that Twilio took and that never reach us."""
        for _ in range(5):
            sender = f"+1077{self.dice.randrange(10**7):07}"
            self.stack.double.send_sms(sender, "mwen bezwen manje nan Wozo", deliver=False)


def _signal(pids: list[int], signum: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
