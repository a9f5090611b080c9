"""The catalogues, and that their check finds each kind of fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from base.settings import LANGUAGES
from bot import phrases, phrases_check
from bot.phrases import say, texts
from koudmen.commands.phrases import main
from messaging.segments import is_gsm, segments

ENGLISH = '#. segments: 2\nmsgid "two"\nmsgstr "{place} two"\n\nmsgid "one"\nmsgstr "one {name}"\n'
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.fixture
def catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Small catalogues in place of the shipped ones: every language as English, without faults."""
    monkeypatch.setattr(phrases, "LOCALES", tmp_path)
    for language in LANGUAGES:
        (tmp_path / language / "LC_MESSAGES").mkdir(parents=True)
        write(tmp_path, language, ENGLISH)
    yield tmp_path
    forget()


def write(folder: Path, language: str, entries: str) -> None:
    (folder / language / "LC_MESSAGES" / "bot.po").write_text(HEAD + entries, encoding="utf-8")
    forget()


def forget() -> None:
    phrases.catalogue.cache_clear()
    phrases.texts.cache_clear()


def test_the_shipped_catalogues_are_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(phrases_check.faults()) == []
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "catalogues: complete\n"


def test_small_ones_too(catalogues: Path) -> None:
    assert list(phrases_check.faults()) == []


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        (ENGLISH.replace('msgid "one"', 'msgid "uno"'), "'one' is missing"),
        (ENGLISH.replace('msgid "one"', 'msgid "uno"'), "'uno' is in no other language"),
        (ENGLISH.replace('"one {name}"', '""'), "'one' is missing"),
        (ENGLISH.replace("one {name}", "one"), "same {places} to fill in"),
        (ENGLISH.replace("one {name}", "one {nom}"), "same {places} to fill in"),
        (ENGLISH.replace("one {name}", "ê “one” {name}"), "letters outside GSM-7: ê “ ”"),
        (ENGLISH.replace("one {name}", "x" * 154 + "{name}"), "needs 2 segments"),
        (ENGLISH.replace("{place} two", "x" * 300 + "{place}"), "needs 3 segments"),
        (ENGLISH.replace("one {name}", "text STOP {name}"), "STOP, which Twilio keeps for itself"),
        (ENGLISH.replace("one {name}", "text HELP or YES {name}"), "HELP, YES"),
    ],
)
def test_each_kind_of_fault_is_found(catalogues: Path, entries: str, fault: str) -> None:
    write(catalogues, "ht", entries)
    found = list(phrases_check.faults())
    assert any(one.startswith("ht: ") and fault in one for one in found), found


def test_a_fault_makes_the_command_fail(catalogues: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(catalogues, "fr", ENGLISH.replace("one {name}", "text STOP {name}"))
    assert main(["check"]) == 1
    assert capsys.readouterr().out.endswith("catalogues: 1 faults\n")


def test_say() -> None:
    assert say("ht", "or") == "oswa"
    assert say(None, "or") == say("xx", "or") == "or"
    with pytest.raises(KeyError):
        say("en", "no such phrase")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_about_safety_and_when_a_person_answers_are_one_segment(language: str) -> None:
    numbers = f"999 {say(language, 'or')} 911"
    times = [say(language, key, n=n) for key, n in (("minutes", "119"), ("hours", "47"), ("days", "10"))]
    promises = [say(language, "promise_none"), *(say(language, "promise", time=time) for time in times)]
    for key in ("safe_yes", "safe_no"):
        for promise in promises:
            assert segments(f"{say(language, key, numbers=numbers)} {promise}") == 1, (key, promise)


@pytest.mark.parametrize("language", LANGUAGES)
def test_emergency_numbers_fit_with_every_disclosure(language: str) -> None:
    for key in texts(language):
        if key.startswith("heard"):
            told = say(language, key, numbers=f"999 {say(language, 'or')} 911")
            assert is_gsm(told)
            assert segments(told) == 1
