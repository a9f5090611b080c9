"""Settings: a wrong one is named in one sentence, which never shows a value."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from base.errors import ConfigError
from base.settings import ROOT, Settings, check_ready_for_people, load_config, load_settings

SECRET = "hunter2-do-not-show"
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": SECRET, "TWILIO_SMS_FROM": "+17675550199"}


def raw_config() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    return found


def write_config(folder: Path, *, at: str, value: Any) -> Path:
    """The project's config.yml with one value changed; `at` is a path such as `outbox.claim`."""
    config = raw_config()
    *parts, last = at.split(".")
    place: Any = config
    for part in parts:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def told(env: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as error:
        load_settings(env)
    return str(error.value)


def test_the_project_starts_with_no_setting_at_all() -> None:
    settings = load_settings({})
    assert (settings.host, settings.port, settings.staff_port) == ("127.0.0.1", 8000, 8001)
    assert settings.public_base_url == "http://127.0.0.1:8000"
    assert settings.home == ROOT / ".koudmen"
    assert settings.simulator
    check_ready_for_people(settings)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"PORT": SECRET}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"PORT": "65536"}, "PORT"),
        ({"STAFF_PORT": SECRET}, "STAFF_PORT"),
        ({"PUBLIC_BASE_URL": SECRET}, "PUBLIC_BASE_URL"),
        ({"KOUDMEN_LOG_LEVEL": SECRET}, "KOUDMEN_LOG_LEVEL"),
        ({"KOUDMEN_REHEARSAL": SECRET}, "KOUDMEN_REHEARSAL"),
        ({"TWILIO_ACCOUNT_SID": SECRET}, "TWILIO_AUTH_TOKEN is missing"),
        ({"TWILIO_AUTH_TOKEN": SECRET}, "TWILIO_ACCOUNT_SID is missing"),
        ({"KOUDMEN_GATEWAY_URL": SECRET}, "KOUDMEN_GATEWAY_URL"),
        (TWILIO | {"TWILIO_SMS_FROM": ""}, "TWILIO_SMS_FROM or TWILIO_WHATSAPP_FROM"),
        (TWILIO | {"TWILIO_TIMEOUT_S": SECRET}, "TWILIO_TIMEOUT_S"),
        (TWILIO | {"TWILIO_TIMEOUT_S": "-1"}, "TWILIO_TIMEOUT_S"),
        (TWILIO | {"TWILIO_API_BASE": SECRET}, "TWILIO_API_BASE"),
        (TWILIO | {"TWILIO_SHARED_KEYS": SECRET}, "TWILIO_SHARED_KEYS"),
        (TWILIO | {"TWILIO_SHARED_KEYS": f"a:{SECRET} b:{SECRET} c:{SECRET}"}, "TWILIO_SHARED_KEYS"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not_shown(env: dict[str, str], named: str) -> None:
    sentence = told(env)
    assert named in sentence
    assert SECRET not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("service.default_language", SECRET),
        ("service.languages", ["en", SECRET]),
        ("emergency", []),
        ("emergency.0.number", SECRET),
        ("emergency.0.confirmed_on", SECRET),
        ("emergency.0.extra", SECRET),
        ("conversation.idle", SECRET),
        ("conversation.idle", None),
        ("conversation.results", 0),
        ("understanding.sure", 1.5),
        ("channels.simulator", SECRET),
        ("channels.sms.segments_per_s", 0),
        ("outbox.retry", []),
        ("outbox.retry", ["10 s", SECRET]),
        ("sweeper.attempts", "many"),
        ("sweeper.look_back", "721 h"),
        ("retention.ordinary", "30 days"),
        ("retention.forever", True),
        ("somewhere", SECRET),
    ],
)
def test_a_wrong_line_of_the_config_is_named(tmp_path: Path, at: str, value: Any) -> None:
    path = write_config(tmp_path, at=at, value=value)
    sentence = told({"KOUDMEN_CONFIG": str(path)})
    assert sentence.startswith(f"{path}: ")
    assert at in sentence
    assert SECRET not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"service: [", "is not valid YAML, line"),
        (b"", "the whole"),
        (b"- a list", "the whole"),
        (b"service: \xff\xfe", "is not a text in UTF-8"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "config.yml"
    path.write_bytes(content)
    assert said in told({"KOUDMEN_CONFIG": str(path)})


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert told({"KOUDMEN_CONFIG": str(tmp_path / "none.yml")}).startswith(f"cannot read {tmp_path / 'none.yml'}")


def test_settings_show_no_secret() -> None:
    env = TWILIO | dict.fromkeys(
        ["DATABASE_URL", "REDIS_URL", "RASA_TOKEN", "KOUDMEN_KEYS", "KOUDMEN_GATEWAY_SECRET", "KOUDMEN_METRICS_TOKEN"],
        SECRET,
    )
    settings = load_settings(env | {"TWILIO_SHARED_KEYS": f"key:{SECRET}"})
    assert SECRET not in f"{settings!r} {settings}"


def test_settings_cannot_be_changed() -> None:
    settings = load_settings({})
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_twilio_with_unconfirmed_emergency_numbers_refuses_and_names_the_lines() -> None:
    with pytest.raises(ConfigError) as error:
        check_ready_for_people(load_settings(TWILIO))
    for part in ('"999"', '"911"', "confirmed_by", "confirmed_on", "'emergency'", "config.yml", "KOUDMEN_REHEARSAL=1"):
        assert part in str(error.value)


def test_so_does_a_gateway_with_real_people_behind_it() -> None:
    with pytest.raises(ConfigError, match='number "999", "911" is not confirmed'):
        check_ready_for_people(load_settings({"KOUDMEN_GATEWAY_URL": "https://gateway.example/send"}))


def test_only_the_line_that_is_missing_is_named(tmp_path: Path) -> None:
    config = raw_config()
    config["emergency"][0] |= {"confirmed_by": "A. Officer, ministry", "confirmed_on": "2026-12-01"}
    config["emergency"][1] |= {"confirmed_by": "   ", "confirmed_on": "2026-12-01"}
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(config))
    settings = load_settings(TWILIO | {"KOUDMEN_CONFIG": str(path)})
    with pytest.raises(ConfigError, match='number "911" is not confirmed'):
        check_ready_for_people(settings)
    assert settings.emergency_numbers() == ("999",)


@pytest.mark.parametrize("env", [TWILIO | {"KOUDMEN_REHEARSAL": "1"}, {}])
def test_in_rehearsal_and_on_the_simulator_it_starts(env: dict[str, str]) -> None:
    settings = load_settings(env)
    check_ready_for_people(settings)
    assert settings.rehearsing
    assert settings.emergency_numbers() == ("999", "911")


def test_with_confirmed_numbers_it_starts_on_twilio(tmp_path: Path) -> None:
    settings = load_settings(TWILIO | {"KOUDMEN_CONFIG": str(confirmed_config(tmp_path))})
    check_ready_for_people(settings)
    assert not settings.rehearsing
    assert settings.emergency_numbers() == ("999", "911")


def confirmed_config(folder: Path) -> Path:
    """A config.yml in which a named person has dialled the numbers."""
    config = raw_config()
    for number in config["emergency"]:
        number |= {"confirmed_by": "A. Officer, ministry", "confirmed_on": "2026-12-01"}
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.parametrize(
    ("wanted", "twilio", "served"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("on", True, True),
        ("off", False, False),
        (True, True, True),
        (False, False, False),
    ],
)
def test_the_simulator_is_on_when_it_should_be(tmp_path: Path, wanted: object, twilio: bool, served: bool) -> None:
    path = write_config(tmp_path, at="channels.simulator", value=wanted)
    settings: Settings = load_settings((TWILIO if twilio else {}) | {"KOUDMEN_CONFIG": str(path)})
    assert settings.simulator is served


def test_whatsapp_sender_is_written_with_or_without_its_prefix() -> None:
    for written in ("+17675550198", "whatsapp:+17675550198"):
        twilio = load_settings(TWILIO | {"TWILIO_WHATSAPP_FROM": written}).twilio
        assert twilio
        assert twilio.whatsapp_from == "whatsapp:+17675550198"


def test_the_project_s_own_config_is_right() -> None:
    config = load_config(ROOT / "config.yml")
    assert config.understanding.gentle < min(config.understanding.concern, config.understanding.sure)
    assert not any(number.confirmed for number in config.emergency)
