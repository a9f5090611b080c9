"""The processes of the whole service, as data, from the settings."""

import os
import secrets
import sys
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from base.errors import ConfigError
from base.settings import ROOT, Settings
from koudmen.nlu_versions import model_in_use
from koudmen.ports import free_port, local_url
from koudmen.process import Process, environment

NLU_PYTHON = ROOT / "nlu" / ".venv" / "bin" / "python"
TURN_WORKERS = 2
STAFF_THREADS = 80  # 64 live pages, each of which holds one, and 16 for everything else
# What is ended first and last. (Valkey 8 and PostgreSQL 9 come after all who use them.)
WEB, WORKERS, RASA = 0, 1, 2


def http_answers(url: str) -> bool:
    """Whether a server of this machine answers 200 within a second."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=1)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def rasa_addresses(settings: Settings) -> dict[str, str]:
    """RASA_URL and RASA_TOKEN: those set, or a free port of loopback and a token for this start."""
    if settings.rasa_url:
        return {"RASA_URL": settings.rasa_url, "RASA_TOKEN": settings.rasa_token or ""}
    return {"RASA_URL": f"http://127.0.0.1:{free_port()}", "RASA_TOKEN": secrets.token_urlsafe(24)}


def service_environment(settings: Settings, addresses: Mapping[str, str]) -> dict[str, str]:
    """What our own processes are told: where the servers are, and the settings as this process has read them."""
    told = {
        "KOUDMEN_HOME": str(settings.home),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "STAFF_PORT": str(settings.staff_port),
        "PUBLIC_BASE_URL": settings.public_base_url,
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(settings.home)),
    }
    return environment(settings.home, {**told, **addresses})


def metrics_folder(home: Path) -> Path:
    """Where the processes leave their counters for /metrics."""
    return home / "run" / "metrics"


def koudmen_command(name: str, *words: str, env: Mapping[str, str], title: str = "", order: int = WORKERS) -> Process:
    """A process that is a command of ours."""
    argv = (sys.executable, "-m", "koudmen.cli", *words)
    return Process(name=name, title=title, argv=argv, cwd=ROOT, env=env, stop_order=order)


def train(home: Path) -> Process:
    """Trains the model when what it is made of has changed."""
    return Process("train", (str(NLU_PYTHON), "nlu/train.py"), ROOT, environment(home, own=False), title="training")


def rasa(home: Path, addresses: Mapping[str, str]) -> Process:
    """Rasa on loopback, with a token; none of our other secrets are given to it."""
    url, token = addresses["RASA_URL"], addresses["RASA_TOKEN"]
    told = {"RASA_TOKEN": token, "RASA_PORT": str(urlsplit(url).port), "RASA_MODEL": str(model_in_use(home))}
    return Process(
        name="rasa",
        title="Rasa",
        argv=(str(NLU_PYTHON), "nlu/serve.py"),
        cwd=ROOT,
        env=environment(home, told, own=False),
        ready=partial(http_answers, f"{url}/status?token={token}"),
        stop_order=RASA,
        grace_s=4.0,
    )


def gunicorn(
    name: str, title: str, application: str, host: str, port: int, env: Mapping[str, str], *options: str
) -> Process:
    """One of the two applications. `options` begin with the module of its settings."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    module = (sys.executable, "-m", "gunicorn", "--bind", bind, "--config")
    return Process(
        name=name,
        title=title,
        argv=(*module, *options, application),
        cwd=ROOT,
        env=env,
        ready=partial(http_answers, f"{local_url(host, port)}/healthz"),
        stop_order=WEB,
    )


def applications(settings: Settings, env: Mapping[str, str]) -> list[Process]:
    """The public and the staff application. Rasa's token and Twilio's keys are not the staff application's business."""
    staff_env = {name: value for name, value in env.items() if not name.startswith(("RASA_", "TWILIO_"))}
    host, threads = settings.host, str(_count("STAFF_THREADS", STAFF_THREADS, most=1000))
    return [
        gunicorn(
            "web",
            "the public application",
            "webhooks.app:create_front()",
            host,
            settings.port,
            env,
            "python:koudmen.gunicorn_web",
        ),
        gunicorn(
            "staff",
            "the staff site",
            "dashboard.app:create_app()",
            host,
            settings.staff_port,
            staff_env,
            "python:koudmen.gunicorn_conf",
            "--threads",
            threads,
        ),
    ]


def workers(env: Mapping[str, str]) -> list[Process]:
    """Those that answer, send, pick up and page; `TURN_WORKERS` says how many answer side by side."""
    count = _count("TURN_WORKERS", TURN_WORKERS)
    names = {number: f"worker-turn{f'-{number}' if number > 1 else ''}" for number in range(1, count + 1)}
    return [
        *(koudmen_command(name, "worker", "turn", "--number", str(n), env=env) for n, name in names.items()),
        koudmen_command("worker-send", "worker", "send", env=env),
        koudmen_command("worker-protect", "worker", "protect", env=env),
        koudmen_command("sweeper", "sweeper", env=env),
        koudmen_command("engine", "engine", env=env),
    ]


def _count(variable: str, default: int, *, most: int = 64) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise ConfigError(f"{variable} is a number from 1 to {most}")
    return int(text)
