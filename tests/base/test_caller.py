"""Whom a request comes from: by the word of our own proxies alone."""

import ipaddress
from pathlib import Path

import pytest

from base.caller import UNKNOWN, caller, untold
from base.errors import ConfigError
from tests.conftest import make_settings

OURS = (ipaddress.ip_network("10.0.0.5/32"), ipaddress.ip_network("172.16.0.0/12"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "whence"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger's claim
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),  # nginx on this machine
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("", "203.0.113.9", "203.0.113.9"),  # a unix socket
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what stood before was the caller's own word
        ("10.0.0.5", "203.0.113.9", "203.0.113.9"),  # a proxy on another machine that is trusted
        ("10.0.0.6", "203.0.113.9", "10.0.0.6"),  # and one that is not
        ("::ffff:10.0.0.5", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),  # two of ours in a row
        ("127.0.0.1", "10.0.0.5", "10.0.0.5"),
        ("127.0.0.1", "rubbish", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, rubbish", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("", "", UNKNOWN),
    ],
)
def test_whence(peer: str, forwarded: str, whence: str) -> None:
    assert caller(peer, forwarded, OURS) == whence


def test_a_proxy_that_is_not_trusted_is_noticed() -> None:
    assert untold("10.0.0.6", "203.0.113.9", OURS)
    assert not untold("10.0.0.5", "203.0.113.9", OURS)
    assert not untold("8.8.4.4", "198.51.100.1", OURS), "a stranger who claims something is no proxy of ours"
    assert not untold("10.0.0.6", "", OURS)
    assert not untold("127.0.0.1", "203.0.113.9", ())


def test_the_setting(tmp_path: Path) -> None:
    found = make_settings(tmp_path, KOUDMEN_TRUSTED_PROXIES="10.0.0.5, 172.16.0.0/12 fd00::/8").trusted_proxies
    assert found == OURS
    for wrong in ("proxy.example", "10.0.0.5/8", "0.0.0.0/0", "::/0"):
        with pytest.raises(ConfigError, match="KOUDMEN_TRUSTED_PROXIES"):
            make_settings(tmp_path, KOUDMEN_TRUSTED_PROXIES=wrong)
