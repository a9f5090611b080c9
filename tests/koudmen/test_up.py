"""`koudmen up`: what stops it before it starts, and what its processes are given."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from base.errors import Refused
from base.settings import load_settings
from koudmen import home, logs, ports, processes
from koudmen.process import environment

SECRETS = {
    "TWILIO_ACCOUNT_SID": "AC-canary-1",
    "TWILIO_AUTH_TOKEN": "canary-2",
    "KOUDMEN_KEYS": "canary-3",
    "KOUDMEN_GATEWAY_SECRET": "canary-4",
}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of loopback that this process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def up(folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run `koudmen up` where it is to fail."""
    return subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "up"],
        env={**os.environ, "KOUDMEN_HOME": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path, taken: int) -> None:
    ended = up(tmp_path, PORT=str(taken))
    assert ended.returncode == 1
    assert f"port {taken} is in use by " in ended.stderr
    assert f"(process {os.getpid()}): stop it, or set PORT to another port" in ended.stderr
    assert not (tmp_path / "postgres").exists()


def test_the_staff_port_is_named_too(tmp_path: Path, taken: int) -> None:
    ended = up(tmp_path, PORT=str(ports.free_port()), STAFF_PORT=str(taken))
    assert "set STAFF_PORT to another port" in ended.stderr


def test_two_applications_on_one_port_are_refused(tmp_path: Path) -> None:
    port = str(ports.free_port())
    assert "PORT and STAFF_PORT are both" in up(tmp_path, PORT=port, STAFF_PORT=port).stderr


def test_a_second_start_in_the_same_home_is_refused(tmp_path: Path) -> None:
    with home.locked(tmp_path, "up"):
        ended = up(tmp_path)
    assert ended.returncode == 1
    assert f"already running in {tmp_path} (process {os.getpid()})" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = up(tmp_path / "file" / "home")
    assert ended.returncode == 1
    assert f"cannot write to {tmp_path}" in ended.stderr


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(Refused, match=r"cannot listen on 192\.0\.2\.1 port 8000"):
        ports.check_free("192.0.2.1", 8000, "PORT")


def test_programs_that_are_not_ours_are_given_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SECRETS, "DATABASE_URL": "canary-5", "PGPASSWORD": "canary-6"}.items():
        monkeypatch.setenv(name, value)
    given = environment(tmp_path, own=False)
    assert "canary" not in str(given)
    assert given["PATH"] == os.environ["PATH"]


def test_no_secret_is_on_a_command_line_and_staff_gets_no_key_of_twilio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SECRETS, "TWILIO_SMS_FROM": "+17675550100", "KOUDMEN_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    addresses = processes.rasa_addresses(settings)
    env = processes.service_environment(settings, {"DATABASE_URL": "postgresql://u:canary-7@h/d", **addresses})
    every = [*processes.applications(settings, env), *processes.workers(env), processes.rasa(tmp_path, addresses)]
    hidden = [*SECRETS.values(), "canary-7", addresses["RASA_TOKEN"]]
    for process in every:
        assert not [secret for secret in hidden if secret in " ".join(process.argv)]
        assert not [secret for secret in hidden if secret in repr(process).replace(repr(process.ready), "")]
    given = {process.name: process.env or {} for process in every}
    assert "canary" not in str(given["rasa"])
    assert "TWILIO_AUTH_TOKEN" not in given["staff"]
    assert given["web"]["TWILIO_AUTH_TOKEN"] == "canary-2"


def test_addresses_are_left_for_other_commands_while_it_runs(tmp_path: Path) -> None:
    home.make(tmp_path, needed_mb=0)
    home.write_addresses(tmp_path, {"DATABASE_URL": "postgresql://x"})
    assert home.read_addresses(tmp_path) == {"DATABASE_URL": "postgresql://x"}
    assert (tmp_path / "run" / "addresses.json").stat().st_mode & 0o077 == 0
    home.forget_addresses(tmp_path)
    assert home.read_addresses(tmp_path) == {}


def test_large_logs_are_cut_and_a_few_kept(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(f"part {number}\n".encode() * 10)
            assert logs.rotate(log, large=20, kept=2)
        writer.write(b"goes on\n")
    assert log.read_text() == "goes on\n"
    assert "part 4" in (tmp_path / "web.log.1").read_text()
    assert "part 3" in (tmp_path / "web.log.2").read_text()
    assert not (tmp_path / "web.log.3").exists()
    assert logs.tail(log) == "goes on"
