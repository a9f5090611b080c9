"""A whole service with servers of its own, each of which can be killed as by kill -9 and brought back."""

import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import redis
import yaml
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from base.db import database_now, make_engine, make_sessions, transaction
from base.settings import ROOT
from directory import load
from koudmen.child import Child
from koudmen.database import upgrade_at
from koudmen.home import make as make_home
from koudmen.nlu import MODEL, PYTHON, wait_for_rasa
from koudmen.postgres import postgres_process, postgres_url
from koudmen.tables import METADATA
from koudmen.valkey import valkey_process, valkey_url
from oncall import rota, staff
from tests.bench.usage import descendants
from tests.fakes.twilio import Flood, Message, TwilioDouble
from tests.fakes.twilio_records import Store
from tests.service import COMMANDS, HTTP, Service, free_port, wait_until

# The product's clocks, shortened; their order (carrier's time-out < claim) is kept.
CLAIM_S = 8
QUIET = {"synthetic": "0 s", "reconcile": "0 s"}  # no message that the tests did not send
CLOCKS = {
    "outbox": {"claim": f"{CLAIM_S} s", "retry": ["0 s", "1 s", "1 s", "2 s", "2 s", "3 s"], "give_up": "12 h"},
    "sweeper": {"every": "1 s", "stale": "2 s", "attempts": 5, **QUIET},
}
CARRIER_TIMEOUT_S = 3
PAUSE_S = 0.5  # what a supervisor takes to notice
WORKED_IN = "address case contact conversation inbound_message opt_event outbound_message sender staff alarm".split()
WORKED_IN.append("read_again")
CLOCK = Path(__file__).parent / "clock"
OFFICER = "+16645550199"  # of no area that the people of these tests write from


class House:
    """`kill`, `pause`, `resume` and `start` know web, turn, turn 2, send, sweeper, engine, rasa, valkey and postgres.
    Without `officer` nobody is on call."""

    def __init__(self, folder: Path, postgres: Child, database_url: str, keys: str) -> None:
        self.folder, self.postgres = folder, postgres
        self.engine: Engine = make_engine(database_url, pool_size=5)
        self.sessions: sessionmaker[Session] = make_sessions(self.engine)
        make_home(folder)
        self.valkey = Child(valkey_process(folder), folder)
        self.rasa: subprocess.Popen[bytes] | None = None
        self.rasa_port, self.rasa_token = free_port(), secrets.token_urlsafe(16)
        port = free_port()
        self.double = TwilioDouble(f"http://127.0.0.1:{port}", permissive=True, callback_threads=8)
        env = {
            "KOUDMEN_HOME": str(folder),
            "KOUDMEN_CONFIG": str(short_clocks(folder)),
            "KOUDMEN_KEYS": keys,
            "KOUDMEN_REHEARSAL": "1",
            "DATABASE_URL": database_url,
            "REDIS_URL": valkey_url(folder),
            "RASA_URL": f"http://127.0.0.1:{self.rasa_port}",
            "RASA_TOKEN": self.rasa_token,
            "TWILIO_TIMEOUT_S": str(CARRIER_TIMEOUT_S),
            "PORT": str(port),
            "PYTHONPATH": f"{CLOCK}:{ROOT}",
            "KOUDMEN_TEST_CLOCK": str(folder / "clock"),
            **self.double.environment(),
        }
        self.service = Service(env, folder)
        (folder / "second").mkdir()
        self.second = Service(env, folder / "second")  # a second worker for turns, as `up` starts

    def sent(self) -> list[Message]:
        """What the carrier took since the house was emptied, but for pages to the officer."""
        return [message for message in self.double.sent() if message.to != OFFICER]

    def pages(self) -> list[Message]:
        """What the officer got."""
        return self.double.sent(OFFICER)

    def officer(self) -> None:
        """Somebody is on call from now on."""
        with transaction(self.sessions) as session:
            now = database_now(session)
            who = staff.add(session, "Ada", ["officer"], now, phone=OFFICER, verified=True)
            rota.add_shift(session, who.id, 1, now - timedelta(hours=1), now + timedelta(hours=12), now)

    @property
    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(valkey_url(self.folder))

    # -- parts

    def start(self, *names: str) -> None:
        """Start parts; a Rasa takes its time and is not waited for."""
        for name in names:
            if name in ("valkey", "postgres"):
                child = self.valkey if name == "valkey" else self.postgres
                child.start()
                wait_until(child.process.ready or (lambda: True), f"{name} answers", 30)
            elif name == "rasa":
                self._start_rasa()
            else:
                self._of(name).start(name.removesuffix(" 2"))

    def _of(self, name: str) -> Service:
        return self.second if name.endswith(" 2") else self.service

    def _start_rasa(self) -> None:
        told = {"RASA_PORT": str(self.rasa_port), "RASA_TOKEN": self.rasa_token, "RASA_MODEL": str(MODEL)}
        with (self.folder / "rasa.log").open("ab") as log:
            self.rasa = subprocess.Popen(
                [PYTHON, ROOT / "nlu" / "serve.py"], env={**os.environ, **told}, stdout=log, stderr=log
            )

    def rasa_answers(self) -> None:
        """Return when it does."""
        assert self.rasa
        wait_for_rasa(f"http://127.0.0.1:{self.rasa_port}", self.rasa_token, self.rasa)

    def kill(self, name: str) -> None:
        """kill -9."""
        if name in ("valkey", "postgres"):
            child = self.valkey if name == "valkey" else self.postgres
            assert child.pid
            os.kill(child.pid, signal.SIGKILL)
            wait_until(lambda: child.exit_code() is not None, f"{name} is gone")
        elif name == "rasa":
            assert self.rasa
            self.rasa.kill()
            self.rasa.wait()
        else:
            self._of(name).kill(name.removesuffix(" 2"))

    def end(self, name: str) -> None:
        """Ask it to end, as the supervisor does: the job in hand is finished first."""
        process = self._of(name).running.pop(name.removesuffix(" 2"))
        process.terminate()
        process.wait(30)

    def pause(self, name: str) -> None:
        """Stop it as a machine under heavy load does: nothing is closed, nothing moves."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, signum: signal.Signals) -> None:
        if name == "rasa":
            assert self.rasa
            self.rasa.send_signal(signum)
        elif name == "postgres":
            assert self.postgres.pid
            for pid in descendants(self.postgres.pid):
                os.kill(pid, signum)
        else:
            os.killpg(self._of(name).running[name.removesuffix(" 2")].pid, signum)

    def clock(self, off_s: float) -> None:
        """Set the clock of every process of ours so many seconds off (the database keeps its own)."""
        draft = self.folder / "clock.new"
        draft.write_text(str(off_s))
        draft.replace(self.folder / "clock")

    def dead(self) -> list[str]:
        """Parts that do not run."""
        here, second = self.service.running, self.second.running
        found = [name for name in COMMANDS if name not in here or here[name].poll() is not None]
        return found + ["turn 2"] * ("turn" not in second or second["turn"].poll() is not None)

    # -- between tests

    def fresh(self, *, rasa: bool = True) -> None:
        """An empty inbox and outbox, a healthy carrier, every part running, no spool, every clock right. A Rasa takes
        its time to start: whoever is about to kill it may do without."""
        self.clock(0)
        self.double.heal()
        self.double.callbacks = "in order"
        self.double.violations.clear()
        self.double.inbound.clear()
        self.double.store = Store()  # a look-up must not find what an earlier test sent
        if dead := self.dead():
            self.start(*dead)
        if rasa:
            self._with_rasa()
        wait_until(self._emptied, "the tables are empty", 30)

    def _with_rasa(self) -> None:
        assert self.rasa
        if self.rasa.poll() is not None:
            self.start("rasa")
        self.rasa_answers()

    def _emptied(self) -> bool:
        names = ", ".join(f'"{t.name}"' for t in METADATA.sorted_tables if t.name in WORKED_IN)
        try:
            with self.engine.begin() as connection:
                connection.execute(text(f"TRUNCATE {names} CASCADE"))
        except OperationalError:  # the service is at work in them: a deadlock is settled by trying again
            return False
        return True

    def close(self) -> None:
        self.service.stop()
        self.second.stop()
        if self.rasa:
            self.rasa.kill()
            self.rasa.wait()
        self.valkey.stop()
        self.double.stop()
        self.engine.dispose()


class Running:
    """A flood under way in a thread of its own."""

    def __init__(self, house: House, messages: Sequence[tuple[str, str]], rate: float) -> None:
        self.house, self.messages, self.rate = house, messages, rate
        self.flood: Flood | None = None
        self.thread = threading.Thread(target=self._play)
        self.thread.start()

    def _play(self) -> None:
        self.flood = self.house.double.flood(self.messages, rate=self.rate)

    def until(self, answers: int) -> None:
        """Return when so many answers have left."""
        wait_until(lambda: len(self.house.sent()) >= answers, f"{answers} answers in the run", 60)

    def ended(self) -> Flood:
        self.thread.join()
        assert self.flood
        return self.flood


def short_clocks(folder: Path) -> Path:
    """The project's config.yml with the clocks above."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({**config, **CLOCKS}, allow_unicode=True), encoding="utf-8")
    return path


def ready(service: Service) -> bool:
    """Whether web says that it can take messages in."""
    return HTTP.request("GET", f"{service.url}/readyz").status == 200


@contextmanager
def opened(folder: Path, keys: str) -> Iterator[House]:
    """A house with everything running."""
    with ExitStack() as stack:
        place = folder / "pg"
        make_home(place)
        postgres = Child(postgres_process(place), place)  # one that syncs: it is killed, too
        postgres.start()
        stack.callback(postgres.stop)
        wait_until(postgres.process.ready or (lambda: True), "PostgreSQL answers", 30)
        url = postgres_url(place)
        engine = make_engine(url)
        upgrade_at(engine)
        with transaction(make_sessions(engine)) as session:
            load.seed(session, demo=True)
        engine.dispose()
        house = House(folder / "home", postgres, url, keys)
        stack.callback(house.close)
        house.start("valkey", "rasa", "turn", "turn 2", "send", "sweeper", "web")
        house.rasa_answers()
        wait_until(lambda: ready(house.service), "the service is ready", 30)
        yield house
