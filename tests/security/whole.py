"""The whole service with everything that it writes kept: its own database, Valkey and Rasa, all logs, all of Redis."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import yaml
from redis import Redis

from base.db import make_engine, make_sessions
from base.settings import ROOT
from directory import load
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres, embedded_valkey
from koudmen.nlu import MODEL, PYTHON, wait_for_rasa
from tests.conftest import KEYS
from tests.fakes.twilio import TwilioDouble
from tests.service import HTTP, Service, free_port, wait_until

GATEWAY_SECRET = "the-gateway-secret"


class Whole:
    """All parts and where they are. `folder` holds every file that any of them writes."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, double: TwilioDouble) -> None:
        self.folder, self.database_url, self.redis_url, self.double = folder, database_url, redis_url, double
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.staff_url = ""
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.service: Service
        self.monitor = Monitor(redis_url)
        self.gateway = Gateway()

    def start(self) -> None:
        """Rasa, the four processes of `Service`, the staff site."""
        rasa = {"RASA_PORT": str(free_port()), "RASA_TOKEN": secrets.token_urlsafe(16), "RASA_MODEL": str(MODEL)}
        self._spawn("rasa", [str(PYTHON), str(ROOT / "nlu" / "serve.py")], rasa)
        rasa_url = f"http://127.0.0.1:{rasa['RASA_PORT']}"
        wait_for_rasa(rasa_url, rasa["RASA_TOKEN"], self.processes["rasa"])
        port, staff_port = free_port(), free_port()
        self.double.serve_at(f"http://127.0.0.1:{port}")
        env = {
            "KOUDMEN_HOME": str(self.folder / "home"), "KOUDMEN_KEYS": KEYS, "KOUDMEN_REHEARSAL": "1",
            "KOUDMEN_CONFIG": str(_config(self.folder)), "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url, "RASA_URL": rasa_url, "RASA_TOKEN": rasa["RASA_TOKEN"], "PORT": str(port),
            "KOUDMEN_GATEWAY_SECRET": GATEWAY_SECRET, "KOUDMEN_GATEWAY_URL": self.gateway.url,
            "KOUDMEN_LOG_LEVEL": "DEBUG", "TWILIO_TIMEOUT_S": "1",
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"), **self.double.environment(),
        }  # fmt: skip
        (self.folder / "metrics").mkdir()
        self.service = Service(env, self.logs)
        self.service.start()
        gunicorn = ["-m", "gunicorn", "-c", "python:koudmen.gunicorn_conf", "--bind", f"127.0.0.1:{staff_port}"]
        self._spawn("staff", [sys.executable, *gunicorn, "dashboard.app:create_app()"], env)
        self.staff_url = f"http://127.0.0.1:{staff_port}"
        wait_until(lambda: _answers(f"{self.staff_url}/healthz"), "the staff site answers", 30)

    def _spawn(self, name: str, command: list[str], env: dict[str, str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=log)

    def stop_rasa(self) -> None:
        process = self.processes.pop("rasa")
        process.kill()
        process.wait()

    def stop(self) -> None:
        self.monitor.stop()
        self.gateway.stop()
        if hasattr(self, "service"):
            self.service.stop()
        for process in self.processes.values():
            process.terminate()
            process.wait(20)

    def sql(self, statement: str) -> list[Any]:
        """Run a statement as the owner of the database."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    @contextmanager
    def without_table(self, name: str) -> Iterator[None]:
        """What works with this table fails for the length of the block."""
        self.sql(f'ALTER TABLE "{name}" RENAME TO away')
        yield
        self.sql(f'ALTER TABLE away RENAME TO "{name}"')

    def wait_logged(self, event: str, seconds: float = 20) -> None:
        """Wait until some process has logged an event: the path was really walked."""
        wait_until(lambda: f'"{event}"' in self.service.logs(), f"logged: {event}", seconds)

    def tables(self) -> bytes:
        """Every row of every table as text (so that what is compressed on disk is seen too)."""
        names = self.sql("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        return "\n".join(str(row[0]) for (name,) in names for row in self.sql(f"SELECT t::text FROM {name} t")).encode()

    def redis_bytes(self) -> bytes:
        """Every key of Redis and its value, whatever its type."""
        with Redis.from_url(self.redis_url) as redis:
            return b"\n".join(key + b" " + _value(redis, key) for key in redis.scan_iter(count=1000))


class Gateway:
    """A local operator's gateway: takes every message and keeps what it was sent."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """It writes no log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/send"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Monitor:
    """Keeps everything that is ever said to Redis."""

    def __init__(self, url: str) -> None:
        self.seen = bytearray()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(unquote(urlsplit(url).path))
        self.socket.sendall(b"MONITOR\r\n")
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        try:
            while part := self.socket.recv(1 << 16):
                self.seen += part
        except OSError:
            return

    def stop(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def _value(redis: Any, key: bytes) -> bytes:
    kind = redis.type(key)
    if kind == b"string":
        return redis.get(key) or b""
    if kind == b"hash":
        return b" ".join(part for pair in redis.hgetall(key).items() for part in pair)
    if kind == b"stream":
        return repr(redis.xrange(key)).encode()
    return redis.dump(key) or b""


def _config(folder: Path) -> Path:
    """The project's config with the simulator on beside Twilio, and a sweeper that does not let a test wait."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    config["channels"]["simulator"] = "on"
    config["sweeper"] |= {"every": "500 ms", "stale": "1 s", "attempts": 3}
    config["outbox"]["claim"] = "3 s"
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _answers(url: str) -> bool:
    try:
        return HTTP.request("GET", url).status == 200
    except OSError:
        return False
    except Exception:  # noqa: BLE001 - urllib3's own errors while it starts
        return False


@contextmanager
def whole(folder: Path) -> Iterator[Whole]:
    """Everything started in `folder`, stopped at the end (the files stay)."""
    with ExitStack() as stack:
        database_url = stack.enter_context(embedded_postgres(folder / "pg", durable=False))
        redis_url = stack.enter_context(embedded_valkey(folder / "valkey"))
        engine = make_engine(database_url)
        upgrade_at(engine)
        with make_sessions(engine)() as session, session.begin():
            load.seed(session, demo=True)
        engine.dispose()
        double = TwilioDouble("http://127.0.0.1:1", permissive=True)
        stack.callback(double.stop)
        parts = Whole(folder, database_url, redis_url, double)
        stack.callback(parts.stop)
        parts.start()
        yield parts
