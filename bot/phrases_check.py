"""Checks the catalogues: every key in every language, GSM-7 only, within its segments, the same places to fill in."""

import re
import string
from collections.abc import Iterator

from base.settings import LANGUAGES
from bot.phrases import catalogue, texts
from messaging.optout import TWILIO_HELP, TWILIO_IN, TWILIO_OUT
from messaging.segments import is_gsm, segments

# The longest values that a place to fill in can take.
SAMPLES = {
    "name": "Koudmen",
    "service": "Olivia Douglas Health and Wellness Centre, 33 Great Marlborough Street, Roseau",
    "numbers": "999 oswa 911",
    "place": "Kalinago Territory",
    "items": "1 Olivia Douglas Health and Wellness Centre, Portsmouth\n2 Portsmouth Hospital, Portsmouth",
    "phone": "767-266-3080",
    "hours": "Mon-Fri 08:00-16:00",
    "rest": "x" * 100,
    "exit": "INFORMATIONS",
    "n": "120",
    "officer": "Marie-Antoinette J.",
    "word": "lawivyè",
    "mark": "EJERCICIO ",
    "colour": "AMARILLO",
    "code": "482190",
    "digits": "4 8 2 1 9 0",
    "link": "https://koudmen-staff.social-services.gov.dm/c/482190",
    "who": "Marie-Antoinette Jean-Baptiste",
    "time": "120 minutos",
}
RESERVED = {word.upper() for word in TWILIO_OUT | TWILIO_IN | TWILIO_HELP | {"yes"}}


def faults() -> Iterator[str]:
    """One sentence per fault, naming language and key; nothing when all is well."""
    english = texts("en")
    for language in LANGUAGES:
        mine = texts(language)
        yield from (f"{language}: '{key}' is missing" for key in english if not mine.get(key))
        yield from (f"{language}: '{key}' is in no other language" for key in mine if key not in english)
        for key, text in mine.items():
            if key in english and text:
                yield from _text_faults(language, key, text, english[key])


def _text_faults(language: str, key: str, text: str, english: str) -> Iterator[str]:
    if _fields(text) != _fields(english):
        yield f"{language}: '{key}' must have the same {{places}} to fill in as English"
        return
    if not is_gsm(text):
        bad = sorted({letter for letter in text if not is_gsm(letter)})
        yield f"{language}: '{key}' has letters outside GSM-7: {' '.join(bad)}"
    needed, allowed = segments(text.format(**SAMPLES)), _budget(key)
    if needed > allowed:
        yield f"{language}: '{key}' needs {needed} segments ({len(text.format(**SAMPLES))} letters), allowed {allowed}"
    reserved = RESERVED & set(re.findall(r"\b[A-Z]{3,}\b", text))
    if reserved:
        yield f"{language}: '{key}' tells people to text {', '.join(sorted(reserved))}, which Twilio keeps for itself"


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _budget(key: str) -> int:
    message = catalogue("en").get(key)
    for comment in message.auto_comments if message else []:
        match = re.fullmatch(r"segments: (\d)", comment)
        if match:
            return int(match[1])
    return 1
