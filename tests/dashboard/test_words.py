"""The words of the staff site can be translated: every one is in the template, and a catalogue is used."""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from base.settings import ROOT
from bot.phrases import LOCALES
from dashboard import words

KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def extracted() -> set[str]:
    with (ROOT / "dashboard" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(ROOT / "dashboard", methods, options, KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def test_what_is_to_be_translated_is_up_to_date() -> None:
    with (LOCALES / "staff.pot").open("rb") as file:
        known = {
            message.id if isinstance(message.id, str) else message.id[0] for message in read_po(file) if message.id
        }
    missing, gone = sorted(extracted() - known), sorted(known - extracted())
    assert (missing, gone) == ([], []), "make words"


def test_a_catalogue_is_used(tmp_path: Path) -> None:
    catalogue = Catalog(locale="fr")
    catalogue.add("Queue", "File d'attente")
    out = BytesIO()
    write_po(out, catalogue)
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "staff.po").write_bytes(out.getvalue())
    french = words.read(tmp_path, "fr")
    assert (french.gettext("Queue"), french.gettext("Reports")) == ("File d'attente", "Reports")
