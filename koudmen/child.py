"""One running child: started in its own session, logged to a file, ended with all that it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from koudmen import family, logs
from koudmen.launch import NOBODY
from koudmen.process import Process

LAUNCH = Path(__file__).with_name("launch.py")


def spawn(process: Process, output: int) -> "subprocess.Popen[bytes]":
    """Start it through launch.py, with both outputs to the file descriptor `output`."""
    user = NOBODY if process.as_nobody and os.geteuid() == 0 else "same"
    launcher = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(process.stop_signal)), user]
    return subprocess.Popen(
        [*launcher, *process.argv],
        cwd=process.cwd,
        env=None if process.env is None else dict(process.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def describe(code: int) -> str:
    """An exit code in words: 'exit code 1' or 'killed by SIGKILL'."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


class Child:
    """A process of `home`, with its log in logs/NAME.log and its id in run/NAME.pid."""

    def __init__(self, process: Process, home: Path) -> None:
        self.process = process
        self.log = home / "logs" / f"{process.name}.log"
        self.pid_file = home / "run" / f"{process.name}.pid"
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Raises KoudmenError from its `prepare`, OSError when the log cannot be opened."""
        if self.process.prepare:
            self.process.prepare()
        logs.rotate(self.log)
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.running = spawn(self.process, output)
        finally:
            os.close(output)
        draft = self.pid_file.with_suffix(".new")
        draft.write_text(f"{self.running.pid}\n")
        draft.replace(self.pid_file)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.running.pid if self.running else None

    def exit_code(self) -> int | None:
        """None while it runs; when it has ended, what it left behind is ended too and the code is given once."""
        if self.running is None or (code := self.running.poll()) is None:
            return None
        self._bury(self.running.pid)
        return code

    def send(self, signum: signal.Signals) -> None:
        """A signal to the process itself (not to its children: it ends those itself)."""
        if self.running and self.running.poll() is None:
            self.running.send_signal(signum)

    def stop(self) -> None:
        """Ask it to end, wait `grace_s`, then kill."""
        if self.running is None:
            return
        for signum, seconds in (
            (self.process.stop_signal, self.process.grace_s),
            (self.process.kill_signal, 2.0),
            (signal.SIGKILL, 10.0),
        ):
            self.send(signum)
            try:
                self.running.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        self._bury(self.running.pid)

    def _bury(self, pid: int) -> None:
        self.running = None
        family.end_session(pid)
        self.pid_file.unlink(missing_ok=True)
