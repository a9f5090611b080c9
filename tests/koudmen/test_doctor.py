"""The doctor names what is wrong with a deployment, each part whatever the others are like."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import ROOT, Settings
from koudmen.doctor import examine
from messaging import inbox, queues, simulator
from tests.conftest import make_settings
from tests.fakes.twilio import TwilioDouble

MG = "MG" + "1" * 32


@dataclass(frozen=True)
class Seen:
    """Findings by part: the level and all words."""

    found: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, settings: Settings) -> "Seen":
        found: dict[str, tuple[str, str]] = {}
        for finding in examine(settings):
            level, words = found.get(finding.part, ("", ""))
            found[finding.part] = (
                max(level, finding.level, key=("", "ok", "look", "bad").index),
                words + finding.words,
            )
        return cls(found)

    def level(self, part: str) -> str:
        return self.found[part][0]


def test_a_machine_with_nothing_on_it(tmp_path: Path) -> None:
    seen = Seen.of(make_settings(tmp_path, DATABASE_URL="postgresql://someone:geheim@127.0.0.1:1/none"))
    assert seen.level("database") == "bad"
    assert seen.level("spool") == "ok"
    assert {seen.level(part) for part in ("redis", "rasa", "twilio")} == {"look"}
    assert "geheim" not in str(seen)


def test_a_test_database_is_told_from_a_durable_one_and_dead_processes_are_named(
    engine: Engine, settings: Settings
) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM heartbeat"))
    seen = Seen.of(settings)
    assert "fsync is off" in seen.found["database"][1]
    assert "worker protect" in seen.found["processes"][1]
    assert (seen.level("redis"), seen.level("keys")) == ("ok", "ok")


def test_a_queue_that_stands_still_is_told(sessions: sessionmaker[Session], settings: Settings) -> None:
    with transaction(sessions) as session:
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "hello"))
        session.execute(text("UPDATE inbound_message SET received_at = now() - interval '70 s'"))
    assert Seen.of(settings).level("queues") == "bad"


def test_twilio_s_list_is_tried(tmp_path: Path, settings: Settings) -> None:
    double = TwilioDouble("http://127.0.0.1:1")
    env = {"KOUDMEN_REHEARSAL": "1", "DATABASE_URL": settings.database_url or "", **double.environment()}
    double.messaging_services[MG] = []
    env["TWILIO_MESSAGING_SERVICE_SID"] = MG
    try:
        assert Seen.of(make_settings(tmp_path, **env)).level("twilio") == "ok"
        wrong = Seen.of(make_settings(tmp_path, **env | {"TWILIO_AUTH_TOKEN": "wrong"}))
    finally:
        double.stop()
    assert wrong.level("twilio") == "bad"
    assert wrong.found["twilio"][1] == "refuses TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN"
    assert wrong.level("address") == "bad"


@pytest.mark.parametrize(
    ("address", "level"), [("", "bad"), ("http://staff.example", "bad"), ("https://staff.example", "ok")]
)
def test_where_real_people_text_the_staff_site_is_reached_by_https(tmp_path: Path, address: str, level: str) -> None:
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    config["oncall"]["staff_url"] = address
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x", "TWILIO_SMS_FROM": "+17675550199"}
    env = {"KOUDMEN_CONFIG": str(path), **twilio}
    assert Seen.of(make_settings(tmp_path, **env)).level("staff site") == level


@pytest.mark.parametrize(
    ("host", "trusted", "level", "told"),
    [
        ("127.0.0.1", "", "ok", "this machine alone"),
        ("0.0.0.0", "", "look", "KOUDMEN_TRUSTED_PROXIES"),
        ("0.0.0.0", "10.0.0.5", "ok", "and from 10.0.0.5/32"),
    ],
)
def test_which_proxies_are_believed_is_told(tmp_path: Path, host: str, trusted: str, level: str, told: str) -> None:
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x", "TWILIO_SMS_FROM": "+17675550199"}
    seen = Seen.of(make_settings(tmp_path, HOST=host, KOUDMEN_TRUSTED_PROXIES=trusted, **twilio))
    assert seen.level("proxy") == level
    assert told in seen.found["proxy"][1]


@pytest.mark.parametrize(
    ("name", "age", "level"),
    [("inbound", 14.9, 0), ("inbound", 15, 1), ("inbound", 60, 2), ("protection", 5, 1), ("protection", 20, 2)],
)
def test_levels_of_a_queue(name: str, age: float, level: int) -> None:
    assert queues.level(name, age) == level
