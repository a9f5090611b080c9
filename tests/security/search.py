"""Looks for a secret in bytes, however it may have been written down."""

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

WINDOW = 1 << 16  # bytes that are tried from where something packed may begin
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_ZLIB_IN_BASE64 = re.compile(rb"eJ[A-Za-z0-9+/_-]{12,}={0,2}")


@cache
def forms(secret: str) -> dict[str, bytes]:
    """The ways in which a secret may be written, by name, in lower case (base64 apart)."""
    raw = secret.encode()
    found = {
        "raw": raw,
        "in capitals": secret.upper().encode(),
        "URL-encoded": quote(secret, safe="").encode(),
        "form-encoded": quote_plus(secret).encode(),
        "JSON-escaped": secret.encode("ascii", "backslashreplace"),
        "UTF-16": secret.encode("utf-16-le"),
        "hex": raw.hex().encode(),
        "reversed": secret[::-1].encode(),
    }
    digits = re.sub(r"\D", "", secret)
    if len(digits) >= 7:
        found |= {"digits": digits.encode(), "reversed digits": digits[::-1].encode()}
    once = {form.lower(): name for name, form in reversed(found.items())}
    return {name: form for form, name in once.items()} | dict(_base64_forms(raw))


def _base64_forms(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Inside a longer text base64 depends on what comes before, by three; only whole groups are sure."""
    for before in range(3):
        cut = raw[(3 - before) % 3 :]
        whole = cut[: len(cut) // 3 * 3]
        yield f"base64 {before}", base64.b64encode(whole)
        yield f"base64url {before}", base64.urlsafe_b64encode(whole)


def find(secrets: Mapping[str, str], haystack: bytes) -> list[str]:
    """Which secrets, by name, and in which form, stand in these bytes or in what is compressed in them."""
    hits = []
    for part in (haystack, *inflated(haystack)):
        lower = part.lower()
        for name, secret in secrets.items():
            for form, needle in forms(secret).items():
                if needle in (part if form.startswith("base64") else lower):
                    hits.append(f"{name} ({form})")
    return sorted(set(hits))


def inflated(data: bytes) -> Iterator[bytes]:
    """Everything that zlib has packed in these bytes, also as base64 (so RQ keeps jobs and their errors)."""
    for start in _ZLIB.finditer(data):
        yield from _unpacked(data[start.start() : start.start() + WINDOW])
    for match in _ZLIB_IN_BASE64.finditer(data):
        try:
            yield from _unpacked(base64.b64decode(match[0] + b"===", altchars=b"-_" if b"-" in match[0] else None))
        except binascii.Error:
            continue


def _unpacked(data: bytes) -> Iterator[bytes]:
    try:
        yield zlib.decompressobj().decompress(data, 1_000_000)
    except zlib.error:
        return


def unescaped(monitored: bytes) -> bytes:
    r"""What MONITOR shows, with \xNN made bytes again."""
    return codecs.escape_decode(monitored)[0]


def search_files(secrets: Mapping[str, str], folders: Iterable[Path]) -> dict[str, list[str]]:
    """Hits by file, in all files below these folders, and in their names."""
    hits = {}
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        found = find(secrets, path.name.encode() + b"\n" + path.read_bytes())
        if found:
            hits[str(path)] = found
    return hits
