"""What the bot says, from gettext catalogues in bot/locales. Every key exists in every language (checked)."""

import hashlib
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from base.settings import LANGUAGES
from messaging.segments import plain

LOCALES = Path(__file__).parent / "locales"


@cache
def catalogue(language: str) -> Catalog:
    """The catalogue of a language as babel reads it."""
    with (LOCALES / language / "LC_MESSAGES" / "bot.po").open("rb") as file:
        return read_po(file, locale=None)


@cache
def texts(language: str) -> dict[str, str]:
    """Key -> text of a language."""
    return {str(m.id): str(m.string) for m in catalogue(language) if m.id}


def wording(language: str | None, key: str) -> str:
    """The version of a text, for the record of a consent: language, key and a hash that changes with the words."""
    chosen = language if language in LANGUAGES else "en"
    return f"{chosen}:{key}:{hashlib.sha256(texts(chosen)[key].encode()).hexdigest()[:12]}"


def say(language: str | None, key: str, **values: str) -> str:
    """The text of `key` in `language` (English when the language is not one of ours), with its values filled in, in
    GSM-7 letters."""
    chosen = language if language in LANGUAGES else "en"
    return plain(texts(chosen)[key].format(**values))
