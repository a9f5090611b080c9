"""Start, watch, restart and stop a set of processes from the foreground, in one thread."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

from base.errors import KoudmenError, Refused
from koudmen import family, home, logs
from koudmen.child import Child, describe, spawn
from koudmen.process import Process

TICK_S = 0.1
SLOW_TICK_S = 1.0
ONE_ASKING_S = 0.3
DISK_LOW_MB = 200
DISK_EVERY_S = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Say = Callable[[str], None]


class Stopped(Exception):
    """A stop signal came while something was being waited for."""


class Backoff:
    """How long to wait before a restart: short at first, long when a process dies `MANY` times within a minute."""

    MANY = 5
    WINDOW_S = 60.0
    SLOW_S = 15.0

    def __init__(self) -> None:
        self.deaths: deque[float] = deque(maxlen=self.MANY)

    def died(self, now: float) -> float:
        """Note a death at `now` (seconds, monotonic); returns the seconds to wait."""
        self.deaths.append(now)
        recent = sum(1 for death in self.deaths if now - death < self.WINDOW_S)
        return self.SLOW_S if recent >= self.MANY else 0.1 * 4 ** (recent - 1)


class Watched:
    """A child and what the supervisor remembers of it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.backoff = Backoff()
        self.ready = child.process.ready is None
        self.again_at: float | None = None
        self.asked_at = 0.0


class Supervisor:
    """`with Supervisor(folder, say) as s: s.start(p); s.watch()`. Leaving the block ends all, lowest stop_order first.

    Only in the main thread of a process of its own: it takes the stop signals and ends every orphan it is given.
    """

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder = folder
        self.say = say
        self.watched: dict[str, Watched] = {}
        self.task: subprocess.Popen[bytes] | None = None
        self.signals = 0
        self.signalled_at = float("-inf")
        self.disk_at = 0.0
        self.slow_at = 0.0
        self.parent = os.getppid()
        self.make = self.parent if family.name_of(self.parent) in {"make", "gmake"} else None
        self.reader, self.writer = socket.socketpair()
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        family.adopt_orphans()
        for end in (self.reader, self.writer):
            end.setblocking(False)
        self.before = {number: signal.signal(number, self._signalled) for number in STOP_SIGNALS}
        self.before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.stop()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self.before.items():
                signal.signal(number, handler)
            self.reader.close()
            self.writer.close()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """Count what was asked. Signals close together are one: make passes on what its whole group is sent."""
        now = time.monotonic()
        if now - self.signalled_at >= ONE_ASKING_S:
            self.signals += 1
            self.signalled_at = now

    def start(self, process: Process) -> None:
        """Start a process and keep it running. Raises KoudmenError from its `prepare`."""
        watched = Watched(Child(process, self.folder))
        self.watched[process.name] = watched
        watched.child.start()

    def run(self, process: Process) -> None:
        """Run a process to its end, its output to ours, while the others are watched.

        Raises Refused when it fails, Stopped when a stop signal came.
        """
        self.task = spawn(process, sys.stdout.fileno())
        while (code := self.task.poll()) is None:
            self._turn()
        self.task = None
        if code != 0:
            raise Refused(f"{process.label} failed ({describe(code)}), see above")

    def wait_ready(self, *names: str, within_s: float) -> None:
        """Wait until these are ready. Raises Refused, naming one that is not within `within_s`, and Stopped."""
        until = time.monotonic() + within_s
        while late := [name for name in names if not self.watched[name].ready]:
            if time.monotonic() > until:
                child = self.watched[late[0]].child
                raise Refused(
                    f"{child.process.label} was not ready after {within_s:.0f} s; {child.log}: {logs.tail(child.log)}"
                )
            self._turn()

    def watch(self) -> None:
        """Keep all running until a stop signal comes."""
        with suppress(Stopped):
            while True:
                self._turn()

    def _turn(self) -> None:
        """Look at everything once, then sleep until something happens or a tick has passed."""
        if self.signals or self._make_interrupted():
            raise Stopped
        now = time.monotonic()
        for watched in self.watched.values():
            self._look_at(watched, now)
        if now >= self.disk_at:
            self.disk_at = now + DISK_EVERY_S
            self._housekeeping()
        family_known = {watched.child.pid for watched in self.watched.values()} | {self.task.pid if self.task else None}
        if now >= self.slow_at:
            self.slow_at = now + SLOW_TICK_S
            family.end_orphans({pid for pid in family_known if pid})
        self._sleep(TICK_S)

    def _sleep(self, seconds: float) -> None:
        if select.select([self.reader], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                self.reader.recv(4096)

    def _make_interrupted(self) -> bool:
        """make was sent SIGINT by itself, or it is gone: it can no longer pass anything on to us."""
        return self.make is not None and (os.getppid() != self.make or family.interrupted(self.make))

    def _look_at(self, watched: Watched, now: float) -> None:
        child = watched.child
        if child.pid is not None and (code := child.exit_code()) is not None:
            self._died(watched, code, now)
        elif watched.again_at is not None and now >= watched.again_at:
            self._start_again(watched, now)
        elif not watched.ready and child.pid is not None and now - watched.asked_at >= TICK_S:
            watched.asked_at = now
            if child.process.ready and child.process.ready():
                watched.ready = True
                self.say(f"{child.process.label}: ready")

    def _died(self, watched: Watched, code: int, now: float) -> None:
        child = watched.child
        wait = watched.backoff.died(now)
        watched.again_at = now + wait
        watched.ready = child.process.ready is None
        loud = f"KEEPS DYING, {Backoff.MANY} times within a minute" if wait >= Backoff.SLOW_S else "died"
        last = logs.tail(child.log) or "nothing"
        self.say(
            f"{child.process.label} {loud} ({describe(code)}); starting it again in {wait:g} s; {child.log}: {last}"
        )

    def _start_again(self, watched: Watched, now: float) -> None:
        watched.again_at = None
        try:
            watched.child.start()
        except (KoudmenError, OSError) as error:
            watched.again_at = now + watched.backoff.died(now)
            self.say(f"{watched.child.process.label} cannot be started: {error}")

    def _housekeeping(self) -> None:
        for watched in self.watched.values():
            logs.rotate(watched.child.log)
        if (free := home.free_mb(self.folder)) < DISK_LOW_MB:
            self.say(f"THE DISK IS NEARLY FULL: {free} MB are free for {self.folder}; messages will soon be refused")

    def stop(self) -> None:
        """End the task under way and all children, lowest stop_order first; a second stop signal kills at once."""
        if self.task:
            family.end_session(self.task.pid)
            self.task.wait()
            self.task = None
        children = [watched.child for watched in self.watched.values() if watched.child.pid is not None]
        for order in sorted({child.process.stop_order for child in children}):
            self._stop_group([child for child in children if child.process.stop_order == order])
        family.end_orphans(set())
        self.watched.clear()

    def _stop_group(self, children: list[Child]) -> None:
        now = time.monotonic()
        for child in children:
            child.send(child.process.stop_signal)
        deadlines = {child: now + child.process.grace_s for child in children}
        killed: set[Child] = set()
        while alive := [child for child in children if child.pid is not None and child.exit_code() is None]:
            for child in alive:
                hurry = self.signals > 1
                if child not in killed and (hurry or time.monotonic() > deadlines[child]):
                    killed.add(child)
                    deadlines[child] = time.monotonic() + 2
                    child.send(child.process.kill_signal)
                elif child in killed and time.monotonic() > deadlines[child]:
                    child.send(signal.SIGKILL)
            self._sleep(0.05)
