"""TCP ports of this machine: is one free, who holds it, which one may be taken."""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from base.errors import Refused
from koudmen import family

LISTEN = "0A"


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_free(host: str, port: int, variable: str) -> None:
    """Raises Refused, naming the port, its setting and who holds it, when it cannot be listened on."""
    family_ = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family_) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            raise Refused(_why(host, port, variable, error)) from None


def _why(host: str, port: int, variable: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by {holder(port)}: stop it, or set {variable} to another port"
    return f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)} (settings HOST and {variable})"


def holder(port: int) -> str:
    """Who listens on a port: 'python (process 12)', or 'another program' when that cannot be seen."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*/fd") if inodes else ():
        with suppress(OSError):
            for entry in folder.iterdir():
                with suppress(OSError):
                    if os.readlink(entry) in inodes:
                        pid = int(folder.parent.name)
                        return f"{family.name_of(pid) or 'a program'} (process {pid})"
    return "another program"


def _listening(port: int) -> set[str]:
    """The socket inodes that listen on a port, from /proc/net/tcp and tcp6 (proc(5))."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def local_url(host: str, port: int) -> str:
    """The address at which a server bound to `host` is reached from this machine."""
    reach = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (read, not bound)
    return f"http://[{reach}]:{port}" if ":" in reach else f"http://{reach}:{port}"
