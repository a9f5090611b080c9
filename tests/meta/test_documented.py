"""Every setting is documented in docs/operating.md, and nothing that is not a setting."""

import re
from typing import Any

import pytest
import yaml

from base.settings import ROOT
from tests.meta.sources import product, texts

OPERATING = "docs/operating.md"
_READ = re.compile(
    r"""(?:environ|env)(?:\.get\(|\[)\s*"([A-Z][A-Z0-9_]+)"|_(?:flag|count)\((?:env, )?"([A-Z_0-9]+)\""""
)
# Set by one of our processes for another, or by the server for the application: nobody sets them by hand.
INTERNAL = {"PROMETHEUS_MULTIPROC_DIR", "RAW_URI", "REQUEST_URI"}


def variables() -> set[str]:
    """The environment variables that the rooms read."""
    found = {one or two for text in product().values() for one, two in _READ.findall(text)}
    return found - INTERNAL


def config_keys(value: Any, at: str = "") -> set[str]:
    """The keys of config.yml, as `outbox.claim`; those of a list's entries as `emergency.number`."""
    if isinstance(value, list):
        return {key for entry in value for key in config_keys(entry, at)}
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, inner in value.items():
        key = f"{at}.{name}" if at else str(name)
        deeper = config_keys(inner, key)
        found |= deeper or {key}
    return found


@pytest.fixture(scope="module")
def in_backticks() -> set[str]:
    text = (ROOT / OPERATING).read_text(encoding="utf-8")
    return set(re.findall(r"`([^`\s=]+)[^`]*`", text))


def test_the_search_finds_the_settings() -> None:
    found = variables()
    assert found >= {"DATABASE_URL", "PORT", "KOUDMEN_REHEARSAL", "TURN_WORKERS", "WEB_THREADS", "TWILIO_SHARED_KEYS"}
    keys = config_keys(yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8")))
    assert keys >= {"emergency.number", "outbox.claim", "channels.sms.segments_per_s", "service.name"}


@pytest.mark.parametrize("name", sorted(variables()))
def test_every_variable_is_documented(in_backticks: set[str], name: str) -> None:
    assert name in in_backticks, f"{OPERATING} does not name `{name}`"


@pytest.mark.parametrize("key", sorted(config_keys(yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8")))))
def test_every_key_of_the_config_is_documented(in_backticks: set[str], key: str) -> None:
    assert key in in_backticks, f"{OPERATING} does not name `{key}`"


def test_no_variable_is_documented_that_nothing_reads(in_backticks: set[str]) -> None:
    elsewhere = "\n".join(text for name, text in texts().items() if not name.endswith(".md"))
    named = {name for name in in_backticks if re.fullmatch(r"(KOUDMEN|TWILIO|RASA|WEB|TURN)_[A-Z0-9_]+", name)}
    assert {name for name in named if name not in elsewhere} == set()
