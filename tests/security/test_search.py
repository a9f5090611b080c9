"""The search for secrets finds what it looks for: without this, finding nothing would prove nothing."""

import base64
import zlib
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.security.search import find, search_files, unescaped

WORDS, NUMBER = "zwazokwabiyon doktè", "+17675550142"
SECRETS = {"words": WORDS, "number": NUMBER}


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "abcd"])
@pytest.mark.parametrize("secret", [WORDS, NUMBER])
def test_in_any_form_and_place(secret: str, before: str) -> None:
    text = f"{before}{secret} after"
    written = [
        text,
        text.upper(),
        quote(text),
        urlencode({"Body": text}),
        ascii(text),
        text.encode().hex(),
        text.encode().hex().upper(),
        base64.b64encode(text.encode()).decode(),
        base64.urlsafe_b64encode(text.encode()).decode(),
        text[::-1],
    ]
    for form in written:
        assert find(SECRETS, b"..." + form.encode() + b"..."), form
    assert find(SECRETS, text.encode("utf-16-le"))


@pytest.mark.parametrize("form", ["17675550142", "24105557671", "tel:17675550142@x"])
def test_a_number_without_its_sign_and_backwards(form: str) -> None:
    assert find(SECRETS, form.encode())


def test_compressed_and_compressed_in_base64() -> None:
    packed = zlib.compress(b"a job about " + WORDS.encode())
    assert find(SECRETS, b"\x00\x12" + packed + b"\x00")
    assert find(SECRETS, b'exc_string: "' + base64.b64encode(packed) + b'"')
    shown = '"HSET" "rq:job" "data" "' + "".join(f"\\x{byte:02x}" for byte in packed) + '"'
    assert find(SECRETS, unescaped(shown.encode()))


def test_in_a_file_and_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "segment").write_bytes(bytes(5000) + NUMBER.encode() + bytes(5000))
    (tmp_path / "17675550142.log").touch()
    assert len(search_files(SECRETS, [tmp_path])) == 2


def test_not_what_is_not_there() -> None:
    assert not find(SECRETS, b"zwazo kwabiyon +17675550143 x\x9c\x78\x9c eJxxxxxxxxxxxxxxxxx")
