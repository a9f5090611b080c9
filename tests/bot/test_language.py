"""The language reader: sure from three words, sticky below, and never thrown by what anybody says in any language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language import LANGUAGES, detect

PREVIOUS = st.sampled_from([None, *LANGUAGES])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("where can i get food in Roseau", "en"),
        ("he does beat she every night", "en"),
        ("pls wey i can get a lil help", "en"),
        ("i need a doctor", "en"),
        ("svp nou bezwn ed nan fontamara tant pou nou domi", "ht"),
        ("mwen grangou anpil", "ht"),
        ("Mouin bezoin dlo svp", "ht"),
        ("li ap bat mwen kounye a", "ht"),
        ("kote m ka jwenn yon doktè", "ht"),
        ("mon ni bizwen manje", "acf"),
        ("i ka bat mwen chak jou", "acf"),
        ("nou pa ni manjé épi timanmay-la", "acf"),
        ("mwen ka chaché an dokte pou gason mwen", "acf"),
        ("nou ka dòmi anba pon-an, nou pa ni kay", "acf"),
        ("ki koté yo ka ba moun had", "acf"),
        ("mwen bizwen twouve an twavay", "acf"),
        ("gwanmanman mwen tonbe, i pa sa leve", "acf"),
        ("m ap chache yon doktè pou pitit gason m", "ht"),
        ("nou ap domi anba pon an nou pa gen kay", "ht"),
        ("ki kote yo bay moun rad", "ht"),
        ("j'ai besoin d'un logement pour mes enfants", "fr"),
        ("necesito comida para mis hijos", "es"),
    ],
)
def test_tells_whole_sentences(text: str, code: str) -> None:
    guess = detect(text)
    assert (guess.code, guess.sure) == (code, True)


@pytest.mark.parametrize(
    "word", ["ok", "wi", "yes", "mesi", "no", "1", "wi mesi", "ok thanks", "Roseau", "👍", "", "...", "2 3 4"]
)
@pytest.mark.parametrize("previous", ["en", "ht", "acf"])
def test_a_word_does_not_switch_the_conversation(word: str, previous: str) -> None:
    guess = detect(word, previous)
    assert (guess.code, guess.sure) == (previous, False)


def test_a_sentence_does_switch_it() -> None:
    assert detect("mwen bezwen yon kote pou m dòmi", "en").code == "ht"


def test_one_creole_does_not_become_the_other_by_a_doubtful_sentence() -> None:
    """Shared words, and a place in Dominica, say little: the conversation stays what it was."""
    for text in ("klinik lan Marigo", "yo di mwen tounen lendi", "lajan mwen fini jodi"):
        assert (detect(text, "acf").code, detect(text, "ht").code) == ("acf", "ht")


def test_a_short_first_message_gets_a_guess_but_not_a_sure_one() -> None:
    guess = detect("mwen grangou")
    assert (guess.code, guess.sure) == ("ht", False)
    assert detect("ok").code is None


@given(st.text(max_size=300), PREVIOUS)
@settings(max_examples=200, deadline=None)
def test_never_raises(text: str, previous: str | None) -> None:
    guess = detect(text, previous)
    assert guess.code in {None, *LANGUAGES}
    assert not guess.scores or abs(sum(guess.scores.values()) - 1) < 0.01


@pytest.mark.parametrize("text", ["A 4821", "P 4821", "? 0000", "1", "x"])
def test_a_letter_and_a_number_are_in_no_language(text: str) -> None:
    """Else a stranger who texts an officer's command would be answered in a language that depends on the number."""
    assert detect(text).code is None
    assert detect(text, "ht").code == "ht"
