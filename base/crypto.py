"""Keys, encryption at rest and keyed look-up.

A stored value is `version | key number | nonce | AES-256-GCM ciphertext`, bound to its column by associated
data. The key number is in the clear, so that "which rows still use the old key" is a query, and the end of a
rotation can be proved. Addresses are found by HMAC-SHA256 with a key of its own.
"""

import hashlib
import hmac
import os
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from base.errors import ConfigError

VERSION = 1
_HEADER = struct.Struct(">BI")
_NONCE = 12
_LONGEST_NUMBER = 9  # digits; the header has room for four bytes


@dataclass(frozen=True)
class KeyRing:
    """Data keys by number, newest first in `order`, and the look-up key (which is never rotated in place)."""

    order: tuple[int, ...]
    keys: dict[int, bytes]
    lookup_key: bytes

    def __repr__(self) -> str:
        return f"KeyRing(order={self.order})"

    def encrypt(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt with the newest key; `purpose` (table.column) must be given again to decrypt."""
        number = self.order[0]
        nonce = os.urandom(_NONCE)
        header = _HEADER.pack(VERSION, number)
        return header + nonce + _cipher(self.keys[number]).encrypt(nonce, plain, header + purpose.encode())

    def decrypt(self, stored: bytes, purpose: str) -> bytes:
        """The plain value; ConfigError when its key is not in the ring or the bytes were changed."""
        number = key_number(stored)
        if number not in self.keys:
            raise ConfigError(f"a stored value needs key {number}, which KOUDMEN_KEYS does not hold")
        header, rest = stored[: _HEADER.size], stored[_HEADER.size :]
        try:
            return _cipher(self.keys[number]).decrypt(rest[:_NONCE], rest[_NONCE:], header + purpose.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to be ours
            raise ConfigError(f"a stored value of {purpose} does not open with key {number}") from None

    def lookup(self, *parts: str) -> bytes:
        """Keyed hash by which an address is found (32 bytes)."""
        return hmac.new(self.lookup_key, "\0".join(parts).encode(), hashlib.sha256).digest()


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> AESGCM:
    """One for each key, for all threads: it is never changed, each call works on a copy of its context."""
    return AESGCM(key)


def key_number(stored: bytes) -> int:
    """The number of the key a stored value was written with; ConfigError when it is no such value."""
    if len(stored) < _HEADER.size:
        raise ConfigError("a stored value is too short to be an encrypted one")
    version, number = _HEADER.unpack_from(stored)
    if version != VERSION:
        raise ConfigError(f"a stored value has unknown version {version}")
    return int(number)


def stored_prefix(number: int) -> bytes:
    """How every value begins that was written with a key (five bytes)."""
    return _HEADER.pack(VERSION, number)


def new_key_text(number: int = 1) -> str:
    """A fresh ring as text: `lookup:<key> <number>:<key>`."""
    return f"lookup:{_encode(secrets.token_bytes(32))} {number}:{_encode(secrets.token_bytes(32))}"


def add_key(text: str) -> str:
    """The ring with one more data key, which becomes the newest."""
    ring = parse_keys(text)
    older = [f"{number}:{_encode(ring.keys[number])}" for number in ring.order]
    fresh = f"{max(ring.order) + 1}:{_encode(secrets.token_bytes(32))}"
    return " ".join([f"lookup:{_encode(ring.lookup_key)}", fresh, *older])


def parse_keys(text: str) -> KeyRing:
    """Read `lookup:<key> <number>:<key> …`, newest data key first."""
    lookup_key, order, keys = b"", [], {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition(":")
        key = _decode(name, value)
        if name == "lookup":
            lookup_key = key
        elif name.isdecimal() and len(name) <= _LONGEST_NUMBER:
            if int(name) in keys:
                raise ConfigError(f"KOUDMEN_KEYS: there are two keys with the number {int(name)}")
            order.append(int(name))
            keys[int(name)] = key
        else:
            raise ConfigError("KOUDMEN_KEYS: each part is 'lookup:<key>' or '<number>:<key>'")
    if not lookup_key or not order:
        raise ConfigError("KOUDMEN_KEYS needs one 'lookup:<key>' and at least one '<number>:<key>'")
    return KeyRing(tuple(order), keys, lookup_key)


def load_keys(env_value: str | None, home: Path) -> KeyRing:
    """The ring from KOUDMEN_KEYS, or from `home/keys`, which is made (mode 0600) on first start."""
    if env_value:
        return parse_keys(env_value)
    path = home / "keys"
    if not path.exists():
        _write_once(path, new_key_text())
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} can be read by others; run: chmod 600 {path}")
    return parse_keys(path.read_text())


def _write_once(path: Path, text: str) -> None:
    """Several processes may start at once: the first one's file wins, and no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _encode(key: bytes) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")


def _decode(name: str, value: str) -> bytes:
    try:
        key = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(f"KOUDMEN_KEYS: the key named '{name[:12]}' is not 32 bytes in base64url")
    return key
