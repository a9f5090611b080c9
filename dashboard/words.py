"""The words of the staff site: English in the templates and views, marked with `_()`. Other languages will lie beside
the bot's, as `bot/locales/<language>/LC_MESSAGES/staff.po`; there is none yet. What is to be translated stands in
`bot/locales/staff.pot`, made by `make words` (a test fails when it is not up to date)."""

from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po
from jinja2 import Environment

from bot.phrases import LOCALES


@cache
def translations(language: str) -> NullTranslations:
    """The words in a language; English where there is no catalogue."""
    return read(LOCALES, language)


def read(folder: Path, language: str) -> NullTranslations:
    """The catalogue of a language in a folder of catalogues; one that changes nothing where there is none."""
    path = folder / language / "LC_MESSAGES" / "staff.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        return _Catalogue({str(m.id): str(m.string) for m in read_po(file) if m.id and m.string})


class _Catalogue(NullTranslations):
    def __init__(self, told: dict[str, str]) -> None:
        super().__init__()
        self.told = told

    def gettext(self, message: str) -> str:
        return self.told.get(message, message)


def _(message: str, **values: Any) -> str:
    """A text in the reader's language, with its values."""
    return translations("en").gettext(message) % values if values else translations("en").gettext(message)


def N_(message: str) -> str:  # noqa: N802 (gettext's name for it)
    """Marks a text that is translated where it is shown."""
    return message


def install(environment: Environment) -> None:
    """Make `_()` known in templates."""
    environment.add_extension("jinja2.ext.i18n")
    found = translations("en")
    environment.install_gettext_callables(found.gettext, found.ngettext, newstyle=True)  # type: ignore[attr-defined]
