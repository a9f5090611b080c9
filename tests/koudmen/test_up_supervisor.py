"""The supervisor over real processes: deaths are named and mended, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from koudmen import family, home
from koudmen.process import MARK
from koudmen.supervisor import Backoff
from tests.service import wait_until

Program = tuple[str, int, float, str]
QUIET = "import signal; signal.pause()"
NOTE_END = """
import signal, sys
def end(*_):
    open("ends", "a").write("{name} ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up")
while True: signal.pause()
"""
STUBBORN = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print("deaf")\nwhile True: signal.pause()'
# A grandchild that has left the process group and the session, as a daemon does.
DAEMON = """
import os, signal
if os.fork() == 0:
    os.setsid()
    open("daemon.pid", "w").write(str(os.getpid()))
    signal.pause()
signal.pause()
"""


class Running:
    """A supervisor in a process of its own; its lines can be waited for."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self.folder = folder
        # A shell's background job has SIGINT ignored and hands that on; make then never stops for it.
        self.process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_interruptible,  # noqa: PLW1509 - this test has no threads
        )
        self.lines: list[str] = []

    def line(self, part: str) -> str:
        """The next line that holds `part`."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if part in line:
                return self.lines[-1]
        raise AssertionError(f"no line with {part!r} in {self.lines}")

    def pid(self, name: str) -> int:
        """The process id of a child, once it has one."""
        path = self.folder / "run" / f"{name}.pid"
        wait_until(path.exists, f"{name} to start")
        return int(path.read_text())

    def end(self) -> int:
        """Wait for the end; the exit code."""
        assert self.process.stdout
        self.lines += [line.rstrip() for line in self.process.stdout]
        return self.process.wait(20)


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    begun: list[Running] = []

    def _start(*programs: Program) -> Running:
        argv = [sys.executable, "-m", "tests.koudmen.supervise", str(tmp_path), json.dumps(programs)]
        begun.append(Running(tmp_path, argv))
        return begun[-1]

    yield _start
    for running in begun:
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        running.end()
        assert running.process.stdout
        running.process.stdout.close()
    home.end_leftovers(tmp_path, grace_s=0)


def ours(folder: Path) -> list[int]:
    """The living processes that carry the mark of this home."""
    return [pid for pid in family.every_process() if family.environment_of(pid).get(MARK) == str(folder)]


def test_a_death_is_named_with_its_last_words_and_mended(start: Start) -> None:
    running = start(("fragile", 0, 5, 'print("cannot open the door")\nimport signal; signal.pause()'))
    running.line("watching")
    first = running.pid("fragile")
    wait_until(lambda: "door" in (running.folder / "logs" / "fragile.log").read_text(), "the child's line")
    os.kill(first, signal.SIGKILL)
    line = running.line("died")
    assert "fragile died (killed by SIGKILL); starting it again in 0.1 s" in line
    assert "cannot open the door" in line
    wait_until(lambda: running.pid("fragile") != first, "the restart")


def test_an_exit_code_is_named(start: Start) -> None:
    assert "(exit code 3)" in start(("brief", 0, 5, "raise SystemExit(3)")).line("died")


def test_one_signal_ends_all_in_order_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    running = start(*((name, order, 5.0, NOTE_END.format(name=name)) for order, name in ((9, "last"), (0, "first"))))
    running.line("watching")
    logs = [tmp_path / "logs" / f"{name}.log" for name in ("first", "last")]
    wait_until(lambda: all("up" in log.read_text() for log in logs), "both to listen")
    running.process.send_signal(signal.SIGINT)
    assert running.end() == 0
    assert (tmp_path / "ends").read_text() == "first last "
    assert not ours(tmp_path)
    assert not list((tmp_path / "run").glob("*.pid"))


def test_a_daemon_that_a_child_has_made_is_ended_too(start: Start, tmp_path: Path) -> None:
    running = start(("parent", 0, 5, DAEMON))
    running.line("watching")
    wait_until((tmp_path / "daemon.pid").exists, "the daemon")
    assert len(ours(tmp_path)) == 2
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0
    assert not ours(tmp_path)


def test_a_second_signal_kills_at_once(start: Start, tmp_path: Path) -> None:
    running = start(("deaf", 0, 600, STUBBORN))
    running.line("watching")
    wait_until(lambda: "deaf" in (tmp_path / "logs" / "deaf.log").read_text(), "the child to be deaf")
    running.process.send_signal(signal.SIGINT)
    running.line("stopping")

    def ended() -> bool:
        running.process.send_signal(signal.SIGINT)
        return running.process.poll() is not None

    wait_until(ended, "the end")
    assert running.end() == 0
    assert not ours(tmp_path)


def test_a_signal_that_comes_twice_at_the_same_time_is_one(start: Start, tmp_path: Path) -> None:
    running = start(("first", 0, 5.0, NOTE_END.format(name="first")))
    running.line("watching")
    wait_until(lambda: "up" in (tmp_path / "logs" / "first.log").read_text(), "it to listen")
    for _ in range(3):
        running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0
    assert (tmp_path / "ends").read_text() == "first "


def test_one_that_does_not_end_is_killed_after_its_grace(start: Start, tmp_path: Path) -> None:
    running = start(("deaf", 0, 0.1, STUBBORN))
    running.line("watching")
    wait_until(lambda: "deaf" in (tmp_path / "logs" / "deaf.log").read_text(), "the child to be deaf")
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0
    assert not ours(tmp_path)


def test_children_end_when_the_supervisor_is_killed(start: Start, tmp_path: Path) -> None:
    running = start(("one", 0, 5, QUIET), ("two", 0, 5, QUIET))
    running.line("watching")
    running.process.kill()
    wait_until(lambda: not ours(tmp_path), "the children to end")


def test_one_left_by_a_killed_supervisor_is_ended_by_the_next_start(start: Start, tmp_path: Path) -> None:
    running = start(("deaf", 0, 5, STUBBORN))
    running.line("watching")
    wait_until(lambda: "deaf" in (tmp_path / "logs" / "deaf.log").read_text(), "the child to be deaf")
    running.process.kill()
    running.end()
    assert len(ours(tmp_path)) == 1
    assert home.end_leftovers(tmp_path, grace_s=0.1) == ["deaf"]
    assert not ours(tmp_path)


def test_a_stranger_with_the_number_of_a_pid_file_is_left_alone(tmp_path: Path) -> None:
    home.make(tmp_path, needed_mb=0)
    (tmp_path / "run" / "web.pid").write_text(str(os.getpid()))
    assert home.end_leftovers(tmp_path, grace_s=0) == []


def test_a_task_that_fails_stops_the_start(start: Start, tmp_path: Path) -> None:
    running = start(("server", 0, 5, QUIET), ("task", 0, 5, "raise SystemExit(4)"))
    assert running.line("refused") == "refused: task failed (exit code 4), see above"
    assert running.end() == 1
    assert not ours(tmp_path)


def test_a_task_under_way_is_ended_by_a_signal(start: Start, tmp_path: Path) -> None:
    running = start(("server", 0, 5, QUIET), ("task", 0, 5, f'print("at work")\n{QUIET}'))
    running.line("at work")
    running.process.send_signal(signal.SIGINT)
    assert running.line("stopped") == "stopped early"
    assert running.end() == 0
    assert not ours(tmp_path)


def test_a_signal_to_make_alone_stops_all(tmp_path: Path) -> None:
    """make waits for us when it is sent SIGINT, and tells us nothing."""
    programs = json.dumps([("server", 0, 5, QUIET)])
    recipe = f"run:\n\t@true && exec {sys.executable} -m tests.koudmen.supervise {tmp_path} '{programs}'\n"
    (tmp_path / "Makefile").write_text(recipe)
    running = Running(tmp_path, ["make", "--no-print-directory", "-f", str(tmp_path / "Makefile"), "run"])
    try:
        running.line("watching")
        running.process.send_signal(signal.SIGINT)
        running.end()
        assert "stopping" in running.lines
        assert not ours(tmp_path)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait(20)
        assert running.process.stdout
        running.process.stdout.close()


def test_restarts_are_quick_at_first_and_slow_for_what_keeps_dying() -> None:
    backoff = Backoff()
    waits = [backoff.died(now=float(second)) for second in range(6)]
    assert waits[0] < 0.5
    assert waits == sorted(waits)
    assert waits[4:] == [Backoff.SLOW_S] * 2
    assert backoff.died(now=1000.0) == waits[0]
