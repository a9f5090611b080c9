"""The words of the staff site: English in the templates and views, marked with `_()`. Other languages lie beside the
bot's, as `bot/locales/<language>/LC_MESSAGES/staff.po`; there is none yet. `pybabel extract -F dashboard/babel.cfg`
collects what is to be translated."""

from functools import cache
from gettext import NullTranslations
from typing import Any

from jinja2 import Environment

from bot.phrases import LOCALES


@cache
def translations(language: str) -> NullTranslations:
    """The words in a language; English where there is no catalogue."""
    from babel.messages.pofile import read_po  # noqa: PLC0415

    path = LOCALES / language / "LC_MESSAGES" / "staff.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        told = {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}
    return _Catalogue(told)


class _Catalogue(NullTranslations):
    def __init__(self, told: dict[str, str]) -> None:
        super().__init__()
        self.told = told

    def gettext(self, message: str) -> str:
        return self.told.get(message, message)


def _(message: str, **values: Any) -> str:
    """A text in the reader's language, with its values."""
    return translations("en").gettext(message) % values if values else translations("en").gettext(message)


def install(environment: Environment) -> None:
    """Make `_()` known in templates."""
    environment.add_extension("jinja2.ext.i18n")
    found = translations("en")
    environment.install_gettext_callables(found.gettext, found.ngettext, newstyle=True)  # type: ignore[attr-defined]
