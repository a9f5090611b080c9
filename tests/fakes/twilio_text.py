"""Small facts about texts, addresses and ids as Twilio has them."""

import re
import secrets
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

# 3GPP TS 23.038: the basic alphabet, and the characters that cost two.
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}\\[~]|€\f")
GSM = GSM_BASIC | GSM_EXTENDED

E164 = re.compile(r"\+[1-9]\d{6,14}").fullmatch
# A number, or the business-scoped user id that Meta gives when the number is hidden.
WHATSAPP = re.compile(r"whatsapp:(?:\+[1-9]\d{6,14}|[A-Z]{2}\.[A-Za-z0-9]{1,128})").fullmatch

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})


def segments(body: str) -> int:
    """How many SMS segments carry `body`: 160, or 153 each, in GSM-7; 70, or 67 each, in UCS-2."""
    if GSM.issuperset(body):
        return _parts([2 if c in GSM_EXTENDED else 1 for c in body], 160, 153)
    return _parts([2 if ord(c) > 0xFFFF else 1 for c in body], 70, 67)


def _parts(costs: list[int], alone: int, each: int) -> int:
    if sum(costs) <= alone:
        return 1
    parts, room = 1, each
    for cost in costs:  # a character of two units is not cut in half
        if cost > room:
            parts, room = parts + 1, each
        room -= cost
    return parts


def new_sid(prefix: str) -> str:
    """A fresh id such as `SM` and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


@lru_cache(maxsize=256)
def rfc2822(moment: datetime) -> str:
    """Twilio's dates: `Thu, 24 Aug 2023 05:01:45 +0000`. Give it whole seconds."""
    return format_datetime(moment)


def opt_out_type(body: str) -> str | None:
    """STOP, START or HELP when the whole body is one of Twilio's reserved words."""
    word = body.strip().upper()
    for name, words in (("STOP", STOP_WORDS), ("START", START_WORDS), ("HELP", HELP_WORDS)):
        if word in words:
            return name
    return None


def same_channel(one: str, other: str) -> bool:
    """Whether two addresses are both WhatsApp or both not."""
    return one.startswith("whatsapp:") == other.startswith("whatsapp:")
