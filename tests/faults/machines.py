"""Two machines, each with web, workers, sweeper and engine of its own, on one database: network namespaces of Linux.

This machine is the third one, with PostgreSQL, Valkey and the world outside (the double). Each of the two has a link to
the stores and another to the world; the first can be cut, and nobody is told: packets get lost.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from base.db import make_engine, make_sessions, transaction
from directory import load
from koudmen.child import Child
from koudmen.database import upgrade_at
from koudmen.home import make as make_home
from koudmen.postgres import DATABASE, USER, postgres_process, postgres_url
from koudmen.process import Process
from koudmen.valkey import valkey_process
from tests.fakes.twilio import TwilioDouble
from tests.faults.house import CARRIER_TIMEOUT_S, short_clocks
from tests.service import COMMANDS, Service, free_port, wait_until

PORT, VALKEY_PORT = 8000, 6390
PUBLIC = "https://koudmen.example"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def allowed() -> bool:
    """Whether namespaces may be made here."""
    name = f"koudmen-try-{os.getpid()}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    _ip("netns", "delete", name)
    return True


class Machine:
    """Number 1 or 2: `service` is what runs on it."""

    def __init__(self, number: int, folder: Path, env: dict[str, str]) -> None:
        self.number, self.name = number, f"koudmen-{os.getpid()}-{number}"
        self.back, self.front = f"kb{number}-{os.getpid()}", f"kf{number}-{os.getpid()}"  # their ends on this machine
        home = folder / f"machine{number}"
        make_home(home)
        stores, world = self.address("back", here=True), self.address("front", here=True)
        env = {
            **env, "KOUDMEN_HOME": str(home), "PORT": str(PORT), "HOST": self.address("front"),
            "DATABASE_URL": f"postgresql://{USER}@{stores}:5432/{DATABASE}",
            "REDIS_URL": f"redis://{stores}:{VALKEY_PORT}/0",
            "TWILIO_API_BASE": env["TWILIO_API_BASE"].replace("0.0.0.0", world),
        }  # fmt: skip
        within = ("ip", "netns", "exec", self.name)
        self.service = Service(env, home, host=self.address("front"), within=within)

    def address(self, side: str, *, here: bool = False) -> str:
        """Of a link; `here`: of its end on this machine."""
        return f"10.{77 if side == 'back' else 78}.{self.number}.{1 if here else 2}"

    def connect(self) -> None:
        """Make the namespace and its two links."""
        _ip("netns", "add", self.name)
        for link, side in ((self.back, "back"), (self.front, "front")):
            _ip("link", "add", link, "type", "veth", "peer", "name", side, "netns", self.name)
            _ip("address", "add", f"{self.address(side, here=True)}/30", "dev", link)
            _ip("-n", self.name, "address", "add", f"{self.address(side)}/30", "dev", side)
            _ip("link", "set", link, "up")
            _ip("-n", self.name, "link", "set", side, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def cut(self) -> None:
        """From database and Redis; the world goes on writing."""
        _ip("link", "set", self.back, "down")

    def heal(self) -> None:
        _ip("link", "set", self.back, "up")

    def power_cut(self) -> None:
        """Everything on it ends, and nobody hears of it."""
        self.cut()
        for name in list(self.service.running):
            self.service.kill(name)

    def remove(self) -> None:
        self.service.stop()
        for link in (self.back, self.front):
            subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True)
        _ip("netns", "delete", self.name)


class Island:
    """Two machines and their stores. `engine` is this machine's own way into the database."""

    def __init__(self, machines: tuple[Machine, Machine], double: TwilioDouble, engine: Engine) -> None:
        self.one, self.two = machines
        self.double, self.engine, self.sessions = double, engine, make_sessions(engine)

    def write(self, machine: Machine, sender: str, text: str) -> tuple[str, int]:
        """Somebody writes, and the webhook reaches this machine. The carrier's id and our answer."""
        self.double.serve_at(PUBLIC, machine.service.url)
        sent = self.double.send_sms(sender, text)
        return sent.sid, sent.status


def _on_tcp(folder: Path) -> Process:
    """The embedded PostgreSQL, on the links as well."""
    process = postgres_process(folder)
    argv = tuple("listen_addresses=*" if word.startswith("listen_addresses=") else word for word in process.argv)
    return replace(process, argv=argv)


def _valkey(folder: Path) -> Process:
    process = valkey_process(folder)
    argv = list(process.argv)
    argv[argv.index("--port") + 1] = str(VALKEY_PORT)
    return replace(process, argv=(*argv, "--protected-mode", "no"))


def _started(child: Child, stack: ExitStack) -> None:
    child.start()
    stack.callback(child.stop)
    wait_until(child.process.ready or (lambda: True), f"{child.process.label} answers", 30)


@contextmanager
def opened(folder: Path, keys: str) -> Iterator[Island]:
    """Everything running. Needs the right to make namespaces (`allowed`)."""
    with ExitStack() as stack:
        make_home(folder)
        postgres = Child(_on_tcp(folder), folder)
        _started(postgres, stack)
        with (folder / "postgres" / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/16 trust\n")
        engine = make_engine(postgres_url(folder))
        stack.callback(engine.dispose)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        upgrade_at(engine)
        with transaction(make_sessions(engine)) as session:
            load.seed(session, demo=True)
        _started(Child(_valkey(folder), folder), stack)
        double = TwilioDouble(PUBLIC, host="0.0.0.0", port=free_port(), permissive=True)
        stack.callback(double.stop)
        env = {
            "KOUDMEN_KEYS": keys, "KOUDMEN_REHEARSAL": "1", "KOUDMEN_CONFIG": str(short_clocks(folder)),
            "TWILIO_TIMEOUT_S": str(CARRIER_TIMEOUT_S), **double.environment(),
        }  # fmt: skip
        machines = Machine(1, folder, env), Machine(2, folder, env)
        for machine in machines:
            stack.callback(machine.remove)
            machine.connect()
            machine.service.start(*COMMANDS)
        yield Island(machines, double, engine)
