"""`koudmen up`: everything on this machine, in the foreground, from an empty folder to a phone that answers."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from base.errors import KoudmenError, Refused
from base.settings import Settings, check_ready_for_people, load_settings
from koudmen import home, ports, processes
from koudmen.postgres import postgres_process, postgres_url
from koudmen.supervisor import Stopped, Supervisor
from koudmen.valkey import valkey_process, valkey_url
from messaging.spool import Spool

STORES_S = 120.0  # after a crash PostgreSQL may have much to recover
SERVE_S = 60.0


class Progress:
    """Prints lines with the seconds since the start."""

    def __init__(self) -> None:
        self.begun = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self.begun:6.1f} s  {text}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run until SIGINT or SIGTERM. 0 when asked to stop, 1 when something could not be started (said in one line)."""
    parser = argparse.ArgumentParser(
        prog="koudmen up", description="Start everything, watch it, and stop it on Ctrl-C. Settings: docs/operating.md."
    )
    parser.parse_args(arguments)
    say = Progress()
    try:
        settings = load_settings()
        check_ready_for_people(settings)
        _run(settings, say)
    except KoudmenError as error:
        print(f"koudmen up: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _run(settings: Settings, say: Progress) -> None:
    folder = settings.home
    home.make(folder)
    Spool(settings.spool).check()
    with ExitStack() as stack:
        stack.enter_context(home.locked(folder, "up"))
        if ended := home.end_leftovers(folder):
            say(f"left over from a run that was killed, ended now: {', '.join(ended)}")
        _check_ports(settings)
        for part in _embedded(settings):
            stack.enter_context(home.locked(folder, part))
        stack.callback(home.forget_sockets, folder)
        stack.callback(home.forget_addresses, folder)
        try:
            with Supervisor(folder, say) as supervisor:
                _steps(settings, supervisor, say)
                supervisor.watch()
                say("stopping (again: at once)")
        except Stopped:
            pass
        say("stopped")


def _check_ports(settings: Settings) -> None:
    if settings.port == settings.staff_port:
        raise Refused(f"PORT and STAFF_PORT are both {settings.port}: the two applications need a port each")
    ports.check_free(settings.host, settings.port, "PORT")
    ports.check_free(settings.host, settings.staff_port, "STAFF_PORT")


def _embedded(settings: Settings) -> list[str]:
    wanted = {"postgres": settings.database_url, "valkey": settings.redis_url}
    return [name for name, url in wanted.items() if not url]


def _steps(settings: Settings, supervisor: Supervisor, say: Progress) -> None:
    addresses = _stores(settings, supervisor) | processes.rasa_addresses(settings)
    env = processes.service_environment(settings, addresses)
    home.write_addresses(settings.home, addresses)
    if not settings.rasa_url:
        supervisor.run(processes.train(settings.home))
        supervisor.start(processes.rasa(settings.home, addresses))
    # Rasa loads meanwhile; nothing waits for it, since the service answers without.
    for words in (("db", "upgrade"), ("directory", "seed", "--demo")):
        supervisor.run(processes.koudmen_command("-".join(words[:2]), *words, env=env, title=" ".join(words[:2])))
    _serve(settings, supervisor, env)
    _announce(settings, say)


def _stores(settings: Settings, supervisor: Supervisor) -> dict[str, str]:
    """Start the embedded servers that are wanted; the addresses of both."""
    addresses = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    if not settings.database_url:
        addresses["DATABASE_URL"] = postgres_url(settings.home)
        supervisor.start(postgres_process(settings.home))
    if not settings.redis_url:
        addresses["REDIS_URL"] = valkey_url(settings.home)
        supervisor.start(valkey_process(settings.home))
    supervisor.wait_ready(*_embedded(settings), within_s=STORES_S)
    return {name: url for name, url in addresses.items() if url}


def _serve(settings: Settings, supervisor: Supervisor, env: dict[str, str]) -> None:
    metrics = processes.metrics_folder(settings.home)
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700)
    applications = processes.applications(settings, env)
    for process in [*applications, *processes.workers(env)]:
        supervisor.start(process)
    supervisor.wait_ready(*(process.name for process in applications), within_s=SERVE_S)


def _announce(settings: Settings, say: Progress) -> None:
    public, staff = (ports.local_url(settings.host, port) for port in (settings.port, settings.staff_port))
    if settings.simulator:
        say(f"the phone:      {public}/simulator")
    if settings.twilio:
        say(f"Twilio calls:   {settings.public_base_url}/webhooks/twilio/inbound")
    say(f"the staff site: {staff}/")
    if settings.rehearsal:
        say("REHEARSAL: unconfirmed emergency numbers and the demo's numbers are in use")
    say(f"logs:           {settings.home / 'logs'}; Ctrl-C stops all")
