"""The normaliser: what people type becomes one spelling, whatever they type."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import normalise as module
from bot.normalise import LIMIT, normalise, tokens

LANGUAGES = st.sampled_from([None, "en", "ht", "acf", "fr", "es"])
TYPED = st.lists(
    st.sampled_from([*module._CREOLE_MARKS, *module._ENGLISH_MARKS, *module._CREOLE_WORDS, *module._ENGLISH_WORDS])
    | st.sampled_from([*module._SHORT, "map", "poum", "batm", "m'ap", "pou'm", "I'm", "don’t", "t", "ti", "kkk", "u'"])
).map(" ".join)


@pytest.mark.parametrize(
    ("typed", "language", "expected"),
    [
        ("Svp nou bezwn ed, tant pou nou dòmi", "ht", "souple nou bezwen ed tant pou nou domi"),
        ("M'ap mouri, l’ap bat’m", "ht", "mwen ap mouri li ap bat mwen"),
        ("poum jwen manje mpa gen kob", "ht", "pou mwen jwenn manje mwen pa gen kob"),
        ("kimoun kap edem", "ht", "kimoun ki ap ede mwen"),
        ("yo vyolem, yo tiyel", "ht", "yo vyole mwen yo touye li"),
        ("Mouin bezoin dlo", "ht", "mwen bezwen dlo"),
        ("ti moun yo gran gou", "ht", "timoun yo grangou"),
        ("nanm mwen, fèy, poul", "ht", "nanm mwen fey poul"),
        ("mon ni bizwen manjé", "acf", "mwen ni bezwen manje"),
        ("pls help me tmrw, he's beatin me", "en", "please help me tomorrow hes beating me"),
        ("I'm sooo hungry!!! helppp", "en", "im so hungry help"),
        ("I don’t need a map", "en", "i dont need a map"),
        ("ur house 2nite", None, "your house tonight"),
        ("map vini souple", None, "mwen ap vini souple"),
        ("je n'ai pas d'argent", "fr", "je n ai pas d argent"),
        ("767 555 0100", None, "767 555 0100"),
        ("k\u200bi\u200bl\u200bl me", "en", "kill me"),
        ("ＨＥＬＰ", None, "help"),
        ("\U0001f52a", "en", "knife"),
        ("", None, ""),
    ],
)
def test_written_as_people_type(typed: str, language: str | None, expected: str) -> None:
    assert normalise(typed, language) == expected


@given(st.text() | TYPED, LANGUAGES)
@settings(max_examples=400, deadline=None)
def test_twice_is_once(text: str, language: str | None) -> None:
    once = normalise(text, language)
    assert normalise(once, language) == once
    assert " ".join(tokens(once)) == once


@given(TYPED.map(lambda words: words * 40), LANGUAGES)
@settings(max_examples=30, deadline=None)
def test_twice_is_once_when_cut(text: str, language: str | None) -> None:
    once = normalise(text, language)
    assert len(once) <= LIMIT
    assert normalise(once, language) == once


@pytest.mark.parametrize("flood", ["a" + "\u0301" * 10_000 + " help me", "\u200b" * 10_000, "m " * 5_000, "a" * 10_000])
def test_floods_cost_little(flood: str) -> None:
    started = time.perf_counter()
    normalise(flood)
    assert time.perf_counter() - started < 0.25


def test_words_behind_a_flood_are_still_read() -> None:
    assert normalise("h" + "\u0301" * 10_000 + "elp me") == "help me"


def test_only_short_words_are_kept_and_long_ones_are_read_alike() -> None:
    module._known.cache_clear()
    long = "zaboka" * 50
    assert normalise(f"map manje {long}p", "ht") == f"mwen ap manje {long}p"
    assert module._known.cache_info().currsize == 2
