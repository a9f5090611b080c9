"""Words of others as they may be shown: nothing in them moves a cursor, turns the direction of a line, or ends it."""

import unicodedata

# They turn the direction of what follows: UAX #9, and CVE-2021-42574 for what is done with them.
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINES = {"\r\n": "\n", "\r": "\n", "\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}


def harmless(text: str) -> str:
    """The text with control and direction letters shown by their number, as `[U+202E]`. Line ends stay, as `\\n`."""
    for end, plain in _LINES.items():
        text = text.replace(end, plain)
    return "".join(f"[U+{ord(letter):04X}]" if _bad(letter) else letter for letter in text.replace("\t", " "))


def _bad(letter: str) -> bool:
    if letter == "\n":
        return False
    return letter in DIRECTIONS or unicodedata.category(letter) in {"Cc", "Cs"} or 0xE0000 <= ord(letter) <= 0xE007F
