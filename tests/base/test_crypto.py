"""Keys and encrypted values: what opens, what does not, and what the file of keys must look like."""

import os
import stat
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.crypto import KeyRing, add_key, key_number, load_keys, new_key_text, parse_keys
from base.errors import ConfigError

RING = parse_keys(new_key_text())
OTHER = parse_keys(new_key_text())
KEY = urlsafe_b64encode(bytes(range(32))).decode()


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_encrypted_opens_again(plain: bytes, purpose: str) -> None:
    stored = RING.encrypt(plain, purpose)
    assert RING.decrypt(stored, purpose) == plain
    assert plain not in stored or len(plain) < 4


def test_the_same_text_is_never_stored_twice_alike() -> None:
    assert len({RING.encrypt(b"mwen", "inbound_message.body") for _ in range(100)}) == 100


def test_a_value_opens_only_in_its_own_column() -> None:
    stored = RING.encrypt(b"mwen", "inbound_message.body")
    with pytest.raises(ConfigError, match=r"address\.value does not open"):
        RING.decrypt(stored, "address.value")


def test_a_changed_byte_anywhere_is_seen() -> None:
    stored = RING.encrypt(b"mwen bezwen", "address.value")
    for place in range(len(stored)):
        changed = bytearray(stored)
        changed[place] ^= 1
        with pytest.raises(ConfigError):
            RING.decrypt(bytes(changed), "address.value")


def test_a_cut_value_is_seen() -> None:
    stored = RING.encrypt(b"mwen bezwen", "address.value")
    for length in range(len(stored)):
        with pytest.raises(ConfigError):
            RING.decrypt(stored[:length], "address.value")


def test_another_ring_does_not_open_it() -> None:
    with pytest.raises(ConfigError, match="does not open with key 1"):
        OTHER.decrypt(RING.encrypt(b"mwen", "x"), "x")


def test_an_unknown_key_is_named() -> None:
    newer = parse_keys(f"lookup:{KEY} 7:{KEY}")
    with pytest.raises(ConfigError, match="needs key 7, which KOUDMEN_KEYS does not hold"):
        RING.decrypt(newer.encrypt(b"mwen", "x"), "x")


def test_the_first_data_key_writes_and_all_of_them_read() -> None:
    old = parse_keys(f"lookup:{KEY} 1:{KEY}")
    text = add_key(f"lookup:{KEY} 1:{KEY}")
    both = parse_keys(text)
    assert both.order == (2, 1)
    assert both.decrypt(old.encrypt(b"mwen", "x"), "x") == b"mwen"
    assert key_number(both.encrypt(b"mwen", "x")) == 2
    careful = parse_keys(" ".join([text.split()[0], *reversed(text.split()[1:])]))
    assert key_number(careful.encrypt(b"mwen", "x")) == 1
    assert careful.decrypt(both.encrypt(b"mwen", "x"), "x") == b"mwen"


@pytest.mark.parametrize("text", [f"1:{KEY},lookup:{KEY}", f"lookup:{KEY},1:{KEY}", f"1:{KEY} lookup:{KEY}"])
def test_an_added_key_is_the_newest_however_the_ring_was_written(text: str) -> None:
    ring = parse_keys(add_key(text))
    assert ring.order == (2, 1)
    assert ring.lookup_key == parse_keys(text).lookup_key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs one 'lookup:<key>' and at least one"),
        (f"lookup:{KEY}", "at least one '<number>:<key>'"),
        (f"1:{KEY}", "needs one 'lookup:<key>'"),
        (f"lookup:{KEY} one:{KEY}", "each part is"),
        (f"lookup:{KEY} 1:{KEY[:20]}", "the key named '1' is not 32 bytes"),
        (f"lookup:{KEY} 1", "the key named '1' is not 32 bytes"),
        (f"lookup:{KEY} 1:{KEY} 1:{KEY}", "two keys with the number 1"),
        (f"lookup:{KEY} 99999999999:{KEY}", "each part is"),
    ],
)
def test_a_wrong_ring_is_told_without_its_keys(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        parse_keys(text)
    assert KEY not in str(told.value)
    assert KEY[:20] not in str(told.value)


def test_a_ring_shows_no_key() -> None:
    shown = f"{RING!r} {RING}"
    assert "order=(1,)" in shown
    assert RING.keys[1].hex() not in shown
    assert str(RING.lookup_key) not in shown


def test_the_lookup_depends_on_channel_address_and_key() -> None:
    one = RING.lookup("sms", "+17675550101")
    others = [RING.lookup("whatsapp", "+17675550101"), RING.lookup("sms", "+17675550102")]
    assert one == RING.lookup("sms", "+17675550101")
    assert one not in [*others, OTHER.lookup("sms", "+17675550101")]
    assert len(one) == 32


def test_the_key_file_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = load_keys(None, home)
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o600
    assert load_keys(None, home) == first
    assert [path.name for path in home.iterdir()] == ["keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    load_keys(None, tmp_path)
    os.chmod(tmp_path / "keys", mode)
    with pytest.raises(ConfigError, match="can be read by others; run: chmod 600"):
        load_keys(None, tmp_path)


def test_keys_of_the_environment_leave_no_file(tmp_path: Path) -> None:
    ring: KeyRing = load_keys(new_key_text(), tmp_path)
    assert ring.order == (1,)
    assert not list(tmp_path.iterdir())
