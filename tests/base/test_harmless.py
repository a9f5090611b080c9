"""Words of others, shown: nothing in them moves, turns or forges a line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.harmless import DIRECTIONS, harmless


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("mwen pè, ede m", "mwen pè, ede m"),
        ("two\nlines\r\nand\rmore", "two\nlines\nand\nmore"),
        ("\x1b[2Jgone", "[U+001B][2Jgone"),
        ("a\x00b\x7fc\x9bd", "a[U+0000]b[U+007F]c[U+009B]d"),
        ("safe\u202ednuos\u202c", "safe[U+202E]dnuos[U+202C]"),
        ("tab\there\u2028line", "tab here\nline"),
        ("👩‍👧 ❤️ é e\u0301", "👩‍👧 ❤️ é e\u0301"),
        ("\U000e0041hidden", "[U+E0041]hidden"),
    ],
)
def test_what_is_shown(words: str, shown: str) -> None:
    assert harmless(words) == shown


@given(st.text())
def test_no_control_and_no_turn_is_left_and_it_is_settled(words: str) -> None:
    shown = harmless(words)
    assert not DIRECTIONS & set(shown)
    assert all(letter == "\n" or unicodedata.category(letter) != "Cc" for letter in shown)
    assert harmless(shown) == shown
