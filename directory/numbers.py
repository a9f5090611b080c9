"""Telephone numbers as people write them, in the one form in which they are kept and compared."""

import re

_LOOSE = re.compile(r"[\s().\"'\u2010-\u2015/-]")
_LOCAL, _TEN, _ELEVEN = re.compile(r"[2-9]\d{6}"), re.compile(r"[2-9]\d{9}"), re.compile(r"1[2-9]\d{9}")


def dialled(text: str) -> str:
    """Without the signs people write into it, and with +1 or +1767 where seven, ten or eleven digits lack it. Short
    codes stay as they are."""
    bare = _LOOSE.sub("", text)
    if _LOCAL.fullmatch(bare):
        return f"+1767{bare}"
    return f"+1{bare}" if _TEN.fullmatch(bare) else f"+{bare}" if _ELEVEN.fullmatch(bare) else bare
