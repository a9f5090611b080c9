"""The doctor against settings wrong in every way: each fault is one plain sentence, with nothing secret in it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
import yaml
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session, sessionmaker

from base.clock import now
from base.crypto import new_key_text
from base.db import database_now, make_engine, make_sessions, transaction
from base.settings import LANGUAGES, ROOT, Settings
from dashboard.accounts import codes, passwords
from dashboard.models import Credential
from koudmen import doctor_people, partitions
from messaging import inbox, months, simulator
from oncall import alarms, rota, staff
from tests import databases
from tests.conftest import KEYS, make_settings
from tests.fakes.twilio import TwilioDouble
from tests.koudmen.test_doctor import Seen
from tests.service import Service, free_port

SECRET = "g3heim-Wort"
INBOUND = "/webhooks/twilio/inbound"


def words(seen: Seen, part: str) -> str:
    return seen.found[part][1]


# -- servers


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"postgresql://someone:{SECRET}@127.0.0.1:1/none", "nothing listens"),
        (f"postgresql://someone:{SECRET}@no-such-host.invalid/none", "has no address"),
        (f"{SECRET}", "not written postgresql://"),
        (f"mysql://someone:{SECRET}@127.0.0.1/none", "not written postgresql://"),
        ("", "DATABASE_URL is not set"),
    ],
)
def test_a_database_that_cannot_be_had(tmp_path: Path, url: str, told: str) -> None:
    seen = Seen.of(make_settings(tmp_path, DATABASE_URL=url))
    assert seen.level("database") == "bad"
    assert told in words(seen, "database")
    assert SECRET not in str(seen)


def test_a_database_that_is_not_there_and_one_that_is_empty(tmp_path: Path, database_url: str) -> None:
    for name in ("no_such_database", "postgres"):
        seen = Seen.of(make_settings(tmp_path, DATABASE_URL=database_url.replace("/koudmen?", f"/{name}?")))
        assert "no such database, user or table: make it, then koudmen db upgrade" in words(seen, "database")


def test_migrations_that_are_behind(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        seen = Seen.of(settings)
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": at})
    assert "it is at version 0001, the code needs" in words(seen, "database")
    assert "koudmen db upgrade" in words(seen, "database")


def test_a_month_without_its_tables(tmp_path: Path, database_url: str) -> None:
    with databases.migrated(database_url) as url:
        engine = make_engine(url, pool_size=2)
        settings = make_settings(tmp_path, DATABASE_URL=url)
        month = months.month_of(now())
        assert f"no table inbound_message_{months.begins(month):%Y_%m}" in words(Seen.of(settings), "database")
        partitions.ensure(make_sessions(engine), now())
        assert "no table" not in words(Seen.of(settings), "database")
        last = f"outbound_message_{months.begins(month + partitions.AHEAD):%Y_%m}"
        with engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {last}"))
        seen = Seen.of(settings)
        engine.dispose()
    assert f"no table {last}: docs/operating.md, A month's tables are missing" in words(seen, "database")
    assert "**A month's tables are missing.**" in (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def test_clocks_that_differ(settings: Settings) -> None:
    with time_machine.travel(now() + timedelta(seconds=90)):
        seen = Seen.of(settings)
    assert re.search(r"its clock and this machine's differ by (89|9\d) s: set both by NTP", words(seen, "database"))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"redis://:{SECRET}@127.0.0.1:1/0", "does not answer at REDIS_URL"),
        (f"http://{SECRET}", "not written redis://"),
        (f"redis://{SECRET}@127.0.0.1:nix/0", "not written redis://"),
    ],
)
def test_a_redis_that_cannot_be_had(tmp_path: Path, url: str, told: str) -> None:
    seen = Seen.of(make_settings(tmp_path, REDIS_URL=url))
    assert seen.level("redis") == "bad"
    assert told in words(seen, "redis")
    assert SECRET not in str(seen)


class _Rasa(BaseHTTPRequestHandler):
    """Answers like Rasa about its token, and with `bare` in it like one without its sentence encoder."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"meaning": "bare" not in self.path}).encode()
        self.send_response(200 if "token=right" in self.path else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """It writes no log."""


@pytest.fixture
def rasa_like() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Rasa)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_rasa_with_another_token(tmp_path: Path, rasa_like: str) -> None:
    assert Seen.of(make_settings(tmp_path, RASA_URL=rasa_like, RASA_TOKEN="right")).level("rasa") == "ok"
    seen = Seen.of(make_settings(tmp_path, RASA_URL=rasa_like, RASA_TOKEN=SECRET))
    assert words(seen, "rasa").startswith("refuses RASA_TOKEN")
    assert SECRET not in str(seen)


def test_a_rasa_without_its_encoder_hears_less_and_that_is_said(tmp_path: Path, rasa_like: str) -> None:
    seen = Seen.of(make_settings(tmp_path, RASA_URL=rasa_like, RASA_TOKEN="right-bare"))
    assert seen.level("rasa") == "look"
    assert "sentence encoder" in words(seen, "rasa")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[nix", f"http://x:{SECRET}@127.0.0.1:1"])
def test_a_rasa_that_does_not_answer(tmp_path: Path, url: str) -> None:
    seen = Seen.of(make_settings(tmp_path, RASA_URL=url))
    assert words(seen, "rasa").startswith("does not answer at RASA_URL")
    assert SECRET not in str(seen)


# -- this machine


@pytest.mark.parametrize("ring", ["", f"1:{SECRET}", "lookup:x", new_key_text().replace("lookup", "other")])
def test_keys_that_are_missing_or_no_keys(tmp_path: Path, ring: str) -> None:
    seen = Seen.of(make_settings(tmp_path, KOUDMEN_KEYS=ring))
    assert seen.level("keys") == "bad"
    assert "KOUDMEN_KEYS" in words(seen, "keys")
    assert SECRET not in str(seen)


@pytest.mark.usefixtures("keys_given_back")
def test_keys_that_open_nothing_stored(sessions: sessionmaker[Session], settings: Settings, tmp_path: Path) -> None:
    with transaction(sessions) as session:
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "hello"))
    other = new_key_text()
    seen = Seen.of(
        make_settings(tmp_path, DATABASE_URL=settings.database_url or "", KOUDMEN_KEYS=other.replace("1:", "7:"))
    )
    assert seen.level("keys") == "bad"
    assert "a stored value needs key 1" in words(seen, "keys")


def test_a_spool_that_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seen = Seen.of(make_settings(tmp_path, KOUDMEN_SPOOL=str(tmp_path / "file" / "spool")))
    assert seen.level("spool") == "bad"
    assert "spool" in words(seen, "spool")


@pytest.mark.parametrize(("free", "level"), [(100, "bad"), (500, "look"), (5000, "ok")])
def test_a_disk_that_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free * 1_000_000))
    seen = Seen.of(make_settings(tmp_path))
    assert seen.level("disk") == level
    assert (f"{free} MB are free at" in words(seen, "disk")) == (level != "ok")


def test_emergency_numbers_that_nobody_dialled(tmp_path: Path) -> None:
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": SECRET, "TWILIO_SMS_FROM": "+17675550199"}
    seen = Seen.of(make_settings(tmp_path, TWILIO_API_BASE="http://127.0.0.1:1", **twilio))
    assert seen.level("people") == "bad"
    assert "is not confirmed: dial it" in words(seen, "people")
    assert "KOUDMEN_PING_URL is not set" in words(seen, "watch")
    assert SECRET not in str(seen)


# -- people


def test_nobody_on_duty_and_nobody_who_can_sign_in(sessions: sessionmaker[Session], settings: Settings) -> None:
    seen = Seen.of(settings)
    assert "nobody who can be paged stands at level 1 (on call) now" in words(seen, "duty")
    assert "no administrator can sign in" in words(seen, "accounts")
    assert seen.level("duty") == "look", "where nobody real texts it is only to be known"
    with transaction(sessions) as session:
        real = settings.model_copy(update={"gateway_url": "http://127.0.0.1:1"})
        assert {one.level for one in doctor_people.duty(session, real)} == {"bad", "look"}
        assert {one.level for one in doctor_people.accounts(session, real)} == {"bad", "look"}


def test_a_rota_and_accounts_that_are_in_order(sessions: sessionmaker[Session], settings: Settings) -> None:
    with transaction(sessions) as session:
        at = database_now(session)
        roles = ["officer", "supervisor", "administrator"]
        people = [
            staff.add(
                session, f"Zefirin {n}", roles, at, phone=f"+{17675550140 + n}", verified=True, languages=LANGUAGES
            )
            for n in (1, 2)
        ]
        for level, one in enumerate(people, 1):
            rota.add_shift(session, one.id, level, at, at + timedelta(days=8), at)
            passwords.put(session, one.id, "zwazo kabrit 2026 solèy", at)
            codes.new_totp(session, one.id)
        session.execute(update(Credential).values(totp_confirmed_at=at))
    seen = Seen.of(settings)
    assert not {"duty", "accounts", "alarms"} & set(seen.found)
    with transaction(sessions) as session:
        session.execute(update(Credential).where(Credential.staff_id == people[1].id).values(totp_confirmed_at=None))
        alarms.raise_alarm(session, "untested", at, staff_id=people[0].id)
    seen = Seen.of(settings)
    assert "1 of 2 with the role officer have not set up a second proof" in words(seen, "accounts")
    assert "`untested` stands 1 times" in words(seen, "alarms")
    assert seen.level("alarms") == "bad"
    assert "Zefirin" not in str(seen)


def test_an_engine_that_is_silent(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM heartbeat"))
    assert "no `engine` gives a sign of life" in words(Seen.of(settings), "processes")


# -- Twilio and the world


@pytest.fixture
def console() -> Iterator[TwilioDouble]:
    double = TwilioDouble("https://koudmen.example", permissive=True)
    yield double
    double.stop()


def of_twilio(tmp_path: Path, double: TwilioDouble, **env: str) -> Seen:
    """What the doctor finds with the double's keys; the public address is nobody's."""
    told = {"KOUDMEN_REHEARSAL": "1", **double.environment(), **env}
    return Seen.of(make_settings(tmp_path, **told))


def test_a_console_that_is_in_order(tmp_path: Path, console: TwilioDouble) -> None:
    console.messaging_services["MG" + "1" * 32] = []
    seen = of_twilio(tmp_path, console, TWILIO_MESSAGING_SERVICE_SID="MG" + "1" * 32)
    assert seen.found["twilio"] == ("ok", "")
    without = of_twilio(tmp_path, console)
    assert without.found["twilio"] == (
        "look", "no Messaging Service: Twilio answers STOP and HELP in English only (step 5)"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"TWILIO_AUTH_TOKEN": SECRET}, "refuses TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN"),
        ({"TWILIO_ACCOUNT_SID": "AC" + "1" * 32}, "refuses TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN"),
        ({"TWILIO_SMS_FROM": "+17675550188"}, "TWILIO_SMS_FROM is not one of this account's numbers"),
        ({"TWILIO_SMS_FROM": "+17675550199"[:-1]}, "TWILIO_SMS_FROM is not one of this account's numbers"),
        ({"TWILIO_WHATSAPP_FROM": "+17675550188"}, "TWILIO_WHATSAPP_FROM is not one of this account's"),
        ({"TWILIO_MESSAGING_SERVICE_SID": "MG" + "2" * 32}, "TWILIO_MESSAGING_SERVICE_SID is not one of"),
        ({"TWILIO_API_BASE": "http://127.0.0.1:1"}, "cannot be read: cannot connect"),
    ],
)
def test_twilio_keys_and_senders_that_are_not_ours(
    tmp_path: Path, console: TwilioDouble, env: dict[str, str], told: str
) -> None:
    seen = of_twilio(tmp_path, console, **env)
    assert seen.level("twilio") == "bad"
    assert told in words(seen, "twilio")
    assert SECRET not in str(seen)


@pytest.mark.parametrize("service", [True, False])
@pytest.mark.parametrize(
    ("changed", "level", "told"),
    [
        ("", "bad", "brings incoming messages nowhere"),
        (f"https://x:{SECRET}@other.example{INBOUND}?a={SECRET}", "bad", f"to https://other.example{INBOUND}, not to"),
        (f"http://koudmen.example{INBOUND}", "bad", f"not to https://koudmen.example{INBOUND}"),
    ],
)
def test_messages_that_are_brought_elsewhere(
    tmp_path: Path, console: TwilioDouble, service: bool, changed: str, level: str, told: str
) -> None:
    env = {"TWILIO_MESSAGING_SERVICE_SID": "MG" + "1" * 32} if service else {}
    console.messaging_services["MG" + "1" * 32] = []
    console.console = {"inbound_request_url": changed} if service else {"sms_url": changed, "callback_url": changed}
    seen = of_twilio(tmp_path, console, **env)
    assert seen.level("twilio") == level
    assert told in words(seen, "twilio")
    assert SECRET not in str(seen)
    if not service:
        assert "the WhatsApp sender brings" in words(seen, "twilio")


@pytest.mark.parametrize(
    ("changed", "level", "told"),
    [
        ({"sms_method": "GET"}, "bad", "by GET, not by HTTP POST"),
        ({"sms_fallback_url": ""}, "look", "no fallback address"),
        ({"sms_application_sid": "AP1"}, "look", "an application (AP…) says where"),
        ({"capabilities": {"sms": False, "voice": False}}, "bad", "cannot send SMS"),
        ({"capabilities": {"sms": True, "voice": False}}, "look", "cannot call officers"),
        ({"status": "OFFLINE"}, "bad", "the WhatsApp sender is offline, not online"),
    ],
)
def test_other_faults_in_the_console(
    tmp_path: Path, console: TwilioDouble, changed: dict[str, object], level: str, told: str
) -> None:
    console.console = changed
    seen = of_twilio(tmp_path, console)
    assert seen.level("twilio") == level
    assert told in words(seen, "twilio")


@pytest.fixture
def web(tmp_path: Path, settings: Settings, console: TwilioDouble) -> Iterator[Service]:
    """The public application as a process, known by its own address."""
    port = free_port()
    console.serve_at(f"http://127.0.0.1:{port}")
    env = {
        "KOUDMEN_HOME": str(tmp_path / "web"), "KOUDMEN_KEYS": KEYS, "KOUDMEN_REHEARSAL": "1", "PORT": str(port),
        "DATABASE_URL": settings.database_url or "", "REDIS_URL": settings.redis_url or "", **console.environment(),
    }  # fmt: skip
    service = Service(env, tmp_path)
    service.start("web")
    yield service
    service.stop()


def test_the_address_is_ours_or_is_told_not_to_be(tmp_path: Path, web: Service, console: TwilioDouble) -> None:
    not_https = "PUBLIC_BASE_URL is not https: words would travel in the clear"
    assert words(of_twilio(tmp_path, console), "address") == not_https
    other_token = of_twilio(tmp_path, console, TWILIO_AUTH_TOKEN=SECRET)
    assert "a webhook signed for PUBLIC_BASE_URL is answered 403, not 204" in words(other_token, "address")
    other_name = web.url.replace("127.0.0.1", "localhost")
    seen = of_twilio(tmp_path, console, PUBLIC_BASE_URL=other_name)
    assert "the running service has another PUBLIC_BASE_URL or token" in words(seen, "address")
    below = of_twilio(tmp_path, console, PUBLIC_BASE_URL=f"{web.url}/koudmen")
    assert "PUBLIC_BASE_URL/healthz answers 404" in words(below, "address")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent.close()
        seen = of_twilio(tmp_path, console, PUBLIC_BASE_URL=nobody)
    assert "answers nothing: Twilio reaches nobody" in words(seen, "address")


# -- the command


def run_doctor(tmp_path: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KOUDMEN_", "TWILIO_"))}
    return subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**clean, "KOUDMEN_HOME": str(tmp_path), **env},
    )  # fmt: skip


def test_everything_wrong_at_once_is_told_line_by_line_and_ends_with_1(tmp_path: Path) -> None:
    done = run_doctor(
        tmp_path, DATABASE_URL=f"postgresql://u:{SECRET}@127.0.0.1:1/x", REDIS_URL=f"redis://:{SECRET}@127.0.0.1:1",
        RASA_URL="http://127.0.0.1:1", RASA_TOKEN=SECRET, KOUDMEN_KEYS=f"1:{SECRET}", TWILIO_ACCOUNT_SID="AC1",
        TWILIO_AUTH_TOKEN=SECRET, TWILIO_SMS_FROM="+17675550199", TWILIO_API_BASE="http://127.0.0.1:1",
        PUBLIC_BASE_URL="http://127.0.0.1:1", KOUDMEN_SPOOL="/proc/no/spool",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(re.fullmatch(r"(ok  |look|bad )  [a-z ]+(: .+)?", line) for line in lines)
    parts = {line[6:].partition(":")[0] for line in lines if line.startswith("bad")}
    assert parts >= {"people", "keys", "spool", "database", "redis", "rasa", "address", "twilio", "staff site"}
    assert SECRET not in done.stdout


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"PORT": "no"}, "PORT"),
        ({"RASA_URL": "127.0.0.1:5005"}, "RASA_URL"),
        ({"PUBLIC_BASE_URL": "koudmen.example"}, "PUBLIC_BASE_URL"),
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN is missing"),
        ({"TWILIO_AUTH_TOKEN": SECRET, "TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_SMS_FROM or TWILIO_WHATSAPP_FROM"),
        ({"KOUDMEN_CONFIG": "/nowhere/config.yml"}, "cannot read"),
        ({"TWILIO_SHARED_KEYS": SECRET, "TWILIO_ACCOUNT_SID": "A", "TWILIO_AUTH_TOKEN": "B", "TWILIO_SMS_FROM": "+1"},
         "TWILIO_SHARED_KEYS is written"),
    ],
)  # fmt: skip
def test_settings_that_stop_the_start_stop_the_doctor_with_the_same_sentence(
    tmp_path: Path, env: dict[str, str], told: str
) -> None:
    done = run_doctor(tmp_path, **env)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"koudmen doctor: .*\n", done.stderr), "one sentence"
    assert told in done.stderr
    assert SECRET not in done.stderr


def test_a_config_with_a_word_too_many(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    config["sweeper"]["evry"] = "5 s"
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    done = run_doctor(tmp_path, KOUDMEN_CONFIG=str(path))
    assert done.returncode == 2
    assert "sweeper.evry" in done.stderr
