"""Where the service opens connections to, and that nobody who writes to us can choose it (SSRF)."""

import ast
import re

import pytest
import urllib3

from base.db import EncryptedJSON
from messaging.models import InboundMessage
from tests.meta.sources import product

# module -> why, and who says where to
OPENS = {
    "messaging/twilio_api.py": "Twilio: TWILIO_API_BASE and fixed paths; a next page on Twilio's own host only",
    "messaging/gateway.py": "the operator's gateway: KOUDMEN_GATEWAY_URL",
    "bot/rasa.py": "Rasa: RASA_URL",
    "webhooks/health.py": "Rasa's status: RASA_URL",
    "dashboard/accounts/oidc.py": "the ministry's sign-in: KOUDMEN_OIDC_ISSUER, https",
    "koudmen/nlu.py": "a Rasa we started",
    "koudmen/nlu_versions.py": "Rasa: RASA_URL",
    "koudmen/engine.py": "the outside watch: KOUDMEN_PING_URL",
    "koudmen/doctor.py": "PUBLIC_BASE_URL and Rasa",
    "koudmen/processes.py": "processes we started",
    "koudmen/supervisor.py": "systemd-like sockets of our own",
    "koudmen/ports.py": "whether a port is free",
    "koudmen/valkey.py": "a Valkey we started",
}
CLIENTS = {"urllib3", "requests", "http.client", "socket", "urllib.request", "httpx", "aiohttp", "smtplib", "ftplib"}


def imported(text: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module}
    return names


def test_nothing_else_opens_a_connection() -> None:
    assert {name for name, text in product().items() if imported(text) & CLIENTS} == set(OPENS)


def test_the_address_of_a_picture_is_kept_encrypted_and_read_by_nobody() -> None:
    """That none is called when a message with one is worked on: test_attacks.py,
    test_no_address_in_a_message_is_ever_called."""
    assert isinstance(InboundMessage.__table__.c.extra.type, EncryptedJSON)
    assert {name for name, text in product().items() if "MediaUrl" in text} == {"messaging/twilio.py"}
    reads = re.compile(r"""\[["']media["']\]|get\(["']media["']""")
    assert {name: len(reads.findall(text)) for name, text in product().items() if reads.search(text)} == {
        "messaging/twilio.py": 2  # whether there is one, and where it is kept
    }


def pools() -> list[tuple[str, str]]:
    return [
        (name, call) for name, text in product().items() for call in re.findall(r"urllib3\.PoolManager\(.*\)", text)
    ]


@pytest.mark.parametrize(("name", "call"), pools())
def test_no_redirect_is_followed(name: str, call: str) -> None:
    """`retries=False` follows none: the answer that says so is the answer (shown below)."""
    assert "retries=False" in call, name


def test_retries_false_follows_no_redirect() -> None:
    assert urllib3.Retry.from_int(False).redirect == 0
    assert urllib3.Retry.from_int(False).raise_on_redirect is False
