"""How the lexicon, Rasa and keywords are put together: either of the two readers raises, only both stay silent."""

import re
from dataclasses import replace

import pytest

from base.settings import Understanding, load_settings
from bot.language import LanguageGuess
from bot.phrases import texts
from bot.rasa import Parsed
from bot.reading import Glance, Reading, glance, read
from bot.safety import Finding, SafetyReading
from messaging import optout

RULES: Understanding = load_settings({}).config.understanding
HEARD = Finding("domestic_violence", "high", "en.home.beat", "en", "hits me")
KILL = Finding("danger", "critical", "en.danger.kill", "en", "kill me")


def seen(text: str, *heard: Finding, asks: tuple[Finding, ...] = ()) -> Glance:
    """A first look with these findings of the lexicon."""
    return Glance(text, text, LanguageGuess("en", True), SafetyReading(heard, asks))


def parsed(intent: str = "other", sure: float = 0.9, **found: object) -> Parsed:
    """What Rasa says: `need=("food", 0.9)`, `concern=("danger", 0.4)`."""
    need, concern = found.get("need", (None, 0.0)), found.get("concern", (None, 0.0))
    assert isinstance(need, tuple)
    assert isinstance(concern, tuple)
    return Parsed(intent, sure, *need, *concern)


def test_both_silent_is_silent() -> None:
    reading = read(seen("blue sky"), parsed(concern=("danger", RULES.gentle - 0.01)), RULES)
    assert (reading.concern, reading.gentle, reading.why) == (None, False, ())
    assert read(seen("blue sky"), None, RULES).concern is None


def test_the_lexicon_raises_alone_with_or_without_rasa() -> None:
    for answer in (None, parsed("greet"), parsed("find", need=("food", 0.99))):
        reading = read(seen("he hits me", HEARD), answer, RULES)
        assert (reading.intent, reading.concern, reading.severity) == ("disclose", "domestic_violence", "high")
        assert reading.source == "lexicon"
        assert reading.confidence >= 0.9


@pytest.mark.parametrize(
    ("concern", "severity"), [("danger", "critical"), ("sea", "high"), ("discrimination", "standard")]
)
def test_rasa_raises_alone_from_its_threshold_on(concern: str, severity: str) -> None:
    reading = read(seen("x y z"), parsed("disclose", concern=(concern, RULES.concern)), RULES)
    assert (reading.intent, reading.concern, reading.severity) == ("disclose", concern, severity)
    assert (reading.source, reading.confidence) == ("model", RULES.concern)


def test_below_the_threshold_it_is_asked_gently() -> None:
    for score in (RULES.gentle, RULES.concern - 0.001):
        reading = read(seen("x y z"), parsed("disclose", concern=("danger", score)), RULES)
        assert (reading.concern, reading.gentle) == (None, True)
    asked = read(seen("x", asks=(HEARD,)), None, RULES)
    assert (asked.concern, asked.gentle) == (None, True)
    assert asked.why == ("unclear phrase en.home.beat",)
    assert not read(seen("x", HEARD, asks=(KILL,)), None, RULES).gentle


@pytest.mark.parametrize("text", ["8", "12", "an marigot", "in grand bay", "2 3 4"])
def test_numbers_and_a_bare_place_are_no_disclosure_whatever_the_model_says(text: str) -> None:
    reading = read(seen(text), parsed("disclose", concern=("child_abuse", 0.99)), RULES)
    assert (reading.concern, reading.gentle) == (None, False)
    assert read(seen(text, HEARD), parsed(concern=("danger", 0.9)), RULES).concern == "domestic_violence"


def test_a_name_by_itself_is_no_disclosure_but_what_is_told_with_it_is() -> None:
    harm = parsed("disclose", concern=("domestic_violence", 0.99))
    for name in ("my name is mary", "non mwen se mawi", "je m appelle marie joseph"):
        assert read(seen(name), harm, RULES).concern is None
    for told in (
        "my name is mary he watching the house",
        "non mwen se mawi i pa ka kite mwen sòti",
        "yo rele mwen chen",
    ):
        assert read(seen(told), harm, RULES).concern == "domestic_violence"


def test_the_concern_is_the_lexicons_and_the_severity_the_worse_of_both() -> None:
    reading = read(seen("x", HEARD), parsed("disclose", concern=("danger", 0.9)), RULES)
    assert (reading.concern, reading.severity, reading.source) == ("domestic_violence", "critical", "both")
    milder = read(seen("x", KILL), parsed("disclose", concern=("discrimination", 0.9)), RULES)
    assert (milder.concern, milder.severity) == ("danger", "critical")


def test_of_several_phrases_the_one_that_rasa_hears_too() -> None:
    """A grown woman is not asked whether the child is safe; what is told of a child stays told of a child."""
    child, rape = Finding("child_abuse", "critical", "a", "ht", "x"), Finding("sexual_violence", "high", "b", "ht", "x")
    model = parsed("disclose", concern=("sexual_violence", 1.0))
    reading = read(seen("x", child, rape), model, RULES)
    assert (reading.concern, reading.severity, reading.source) == ("sexual_violence", "critical", "both")
    assert read(seen("my daughter", child, rape), model, RULES).concern == "child_abuse"
    assert read(seen("x", KILL, rape), model, RULES).concern == "danger"
    assert read(seen("x", child), model, RULES).concern == "child_abuse"
    assert read(seen("x", child, rape), None, RULES).concern == "child_abuse"


def test_what_the_model_alone_hears_is_critical_where_the_words_are() -> None:
    model = parsed("disclose", concern=("domestic_violence", 0.99))
    assert read(seen("blue green sky"), model, RULES).severity == "high"
    assert read(seen("he have a knife tonight"), model, RULES).severity == "critical"


def test_the_model_alone_must_be_surer_of_a_long_text() -> None:
    long, short = " ".join(["word"] * 20), " ".join(["word"] * 12)
    model = parsed("disclose", concern=("danger", 0.9))
    assert read(seen(short), model, RULES).concern == "danger"
    unsure = read(seen(long), model, RULES)
    assert (unsure.concern, unsure.gentle) == (None, True)  # asked gently, and a person reads it
    assert read(seen(long), parsed("disclose", concern=("danger", 0.99)), RULES).concern == "danger"
    assert read(seen(long, HEARD), model, RULES).concern == "domestic_violence"  # a phrase is never suppressed


def test_a_second_look_of_the_model_decides_where_no_phrase_tells_of_harm() -> None:
    def model(score: float, alone: float) -> Parsed:
        return replace(parsed("disclose", concern=("danger", score)), concern_alone=alone)

    doubted = read(seen("x y z"), model(0.99, RULES.second_look - 0.01), RULES)
    assert (doubted.concern, doubted.gentle) == (None, True)  # asked, and read by a person
    assert read(seen("x y z"), model(0.51, RULES.second_look), RULES).concern == "danger"
    quiet = read(seen("x y z"), replace(parsed(concern=(None, 0.1)), concern_alone=RULES.gentle), RULES)
    assert (quiet.concern, quiet.gentle, quiet.why) == (None, True, (f"model second look {RULES.gentle:.2f}",))
    assert read(seen(" ".join(["word"] * 40)), model(0.7, RULES.second_look), RULES).concern == "danger"
    assert read(seen("he hits me", HEARD), model(0.99, 0.01), RULES).concern == "domestic_violence"
    unclear = read(seen("x y z", asks=(HEARD,)), model(0.7, 0.01), RULES)
    assert unclear.concern == "danger"  # an unclear phrase beside it is word enough
    unsure = read(seen("x y z", asks=(HEARD,)), model(RULES.concern - 0.05, RULES.second_look), RULES)
    assert unsure.concern == "danger"  # and takes nothing from the second look


def test_a_phrase_in_a_text_that_is_surely_harmless_is_asked_about_gently() -> None:
    calm = replace(parsed(concern=(None, 0.01)), concern_alone=RULES.surely_harmless / 2)
    text = "he hits me up when the game is on"
    quiet = read(seen(text, HEARD), calm, RULES)
    assert (quiet.concern, quiet.gentle) == (None, True)  # asked, and read by a person
    assert any("surely harmless" in one for one in quiet.why)
    assert read(seen("he hits me up", HEARD), calm, RULES).concern == "domestic_violence"  # few words say all there is
    assert read(seen(text, HEARD), None, RULES).concern == "domestic_violence"  # Rasa is away
    doubtful = replace(calm, concern_alone=RULES.surely_harmless)
    assert read(seen(text, HEARD), doubtful, RULES).concern == "domestic_violence"
    never = RULES.model_copy(update={"surely_harmless": 0.0})
    assert read(seen(text, HEARD), calm, never).concern == "domestic_violence"


@pytest.mark.parametrize("more", [{"severity": "critical"}, {"concern": "danger"}, {"concern": "self_harm"}])
def test_a_phrase_of_danger_to_life_always_counts(more: dict[str, str]) -> None:
    calm = replace(parsed(concern=(None, 0.0)), concern_alone=0.0)
    text = "he hits me up when the game is on"
    for heard in ((replace(HEARD, **more),), (HEARD, replace(HEARD, **more))):
        assert read(seen(text, *heard), calm, RULES).concern is not None


@pytest.mark.parametrize(
    ("concern", "words", "score", "raised"),
    [
        ("domestic_violence", 5, 0.97, False),
        ("domestic_violence", 5, 0.98, True),
        ("domestic_violence", 12, 0.75, True),
        ("self_harm", 5, 0.8, True),  # a life: few words are held to little more
        ("danger", 5, 0.8, True),
        ("danger", 5, 0.79, False),
    ],
)
def test_with_rasa_away_the_words_raise_what_they_are_sure_of(
    monkeypatch: pytest.MonkeyPatch, concern: str, words: int, score: float, raised: bool
) -> None:
    monkeypatch.setattr("bot.reading.harm_words.guess", lambda _text: (concern, score))
    reading = read(seen(" ".join(["word"] * words)), None, RULES)
    assert (reading.concern == concern, reading.gentle) == (raised, not raised)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("i need food for the children, Bagatelle", "Bagatelle"),
        ("m bezwen yon dokte. wesley", "Wesley"),
        ("ki jou dokte-a ka vini isit, Vye Kaz", "Vieille Case"),
        ("i had good hope, chance came late", None),
        ("no, chance", None),
        ("thanks for the help you gave, rosalie", None),
        ("my husband, wesley, beat me", None),
        ("his name is short. clifton", None),
        ("m bezwen diri, kokoye, pwa", None),
        ("mesi, pase bon jounen", None),
        ("Bense. a walker for my mother please", "Bense"),
        ("stowe - no bus after six", "Stowe"),
        ("Rosalie, my daughter is sick", None),
        ("clifton, mero", None),
        ("the boat mash up ans de mai who can help", "Anse de Mai"),
    ],
)
def test_a_place_that_stands_apart_is_one(text: str, place: str | None) -> None:
    found = read(glance(text, None), None, RULES).place
    assert (found.name if found else None) == place


# A person, or an ordinary word: better no place than a wrong one
NO_PLACE = [
    "wesley when he drunk he beat me",
    "clifton any time he come he beat me",
    "clifton how he treating me is bad",
    "rosalie people does beat her",
    "wesley bus driver touching the school girls",
    "clifton road rage he hit me",
    "my stepfather wesley",
    "my baby father clifton",
    "i fraid wesley",
    "mwen pè rozali",
    "help me escape clifton",
    "wesley! stop it he is hitting me",
    "rosalie. help me please now",
    "wesli, m pa ka dòmi ankò",
    "klifton, mwen bezwen pale ak ou",
    "massacre. they kill my family in haiti",
    "masak, yo touye tout fanmi m nan ayiti",
    "stow we on the boat please help",
    "pika m ap mouri",
    "thibaud we fraid him",
    "clifton no current for his machine",
    "rosalie without light in she room she hiding",
    "yam piece for sale two dollars",
    "uncle touching rosalie",
    "li manyen rozali",
    "he following wesley",
    "li frape rozali",
    "he threaten rosalie",
    "yo kenbe wesli",
    "i fraid my stepfather, wesley",
    "leave me alone please, wesley",
    "they kill all my family, massacre",
    "klifton m ap mouri",
]


@pytest.mark.parametrize("text", NO_PLACE)
def test_people_and_what_happens_are_no_places(text: str) -> None:
    assert read(glance(text, None), None, RULES).place is None


def test_a_place_that_stands_apart_leaves_the_model_its_say() -> None:
    model = parsed("disclose", concern=("domestic_violence", 0.97))
    assert read(glance("he scaring me, kalinago", None), model, RULES).concern == "domestic_violence"


def test_a_danger_by_the_own_hand_is_called_self_harm() -> None:
    own = Finding("self_harm", "critical", "d", "en", "x")
    model = parsed("disclose", concern=("self_harm", 0.9))
    both = read(seen("x", KILL, own), model, RULES)
    assert (both.concern, both.severity) == ("self_harm", "critical")
    assert read(seen("x", KILL), model, RULES).concern == "danger"


def test_the_need_beside_a_concern_is_kept() -> None:
    reading = read(seen("x", HEARD), parsed("disclose", need=("health", 0.9), concern=("danger", 0.9)), RULES)
    assert (reading.intent, reading.need) == ("disclose", "health")
    assert read(seen("i need a doctor", HEARD), None, RULES).need == "health"


@pytest.mark.parametrize(
    ("text", "answer", "intent", "need", "source"),
    [
        ("i need a doctor", None, "find", "health", "keywords"),
        ("blue sky", None, "other", None, "none"),
        ("x", parsed("find", need=("food", 0.45)), "find", "food", "model"),
        ("blue sky today", parsed("find", need=("food", 0.3)), "find", "food", "model"),
        ("blue sky", parsed("find", need=("food", 0.3)), "other", None, "none"),  # too short to guess from
        ("blue sky today", parsed("find", need=("food", 0.29)), "other", None, "none"),
        ("blue sky today", parsed("find", 0.5, need=("food", 0.44)), "find", "food", "model"),
        ("blue sky today", parsed("find", 0.49, need=("food", 0.44)), "other", None, "none"),
        ("i need a doctor", parsed("find", need=("food", 0.44)), "find", "health", "keywords"),
        ("i need a doctor", parsed("find", need=("food", 0.8)), "find", "food", "model"),
        ("a doctor, i use a wheelchair", None, "find", "health", "keywords"),
        ("a doctor, i use a wheelchair", parsed("find", need=("disability", 0.9)), "find", "health", "keywords"),
        ("a school for my son, he is deaf", parsed("find", need=("disability", 0.99)), "find", "disability", "model"),
        ("a doctor for my wheelchair", parsed("find", need=("disability", 0.9)), "find", "disability", "model"),
        ("i use a wheelchair", parsed("find", need=("disability", 0.9)), "find", "disability", "model"),
        ("i use a wheelchair", None, "find", "disability", "keywords"),
        ("how to get a work permit", parsed("find", need=("work", 0.9)), "find", "documents", "keywords"),
        ("can i work without papers", parsed("rights", 0.9, need=("work", 0.9)), "rights", "work", "model"),
        ("can i work without papers", parsed("find", need=("work", 0.9)), "find", "work", "model"),
        ("the boss has my passport, any job", parsed("find", need=("work", 0.99)), "find", "work", "model"),
        ("a doctor, i use a wheelchair", parsed("find", need=("food", 0.9)), "find", "food", "model"),
        ("x", parsed("thanks", 0.45), "thanks", None, "model"),
        ("x", parsed("thanks", 0.44), "other", None, "none"),
        ("i need a doctor", parsed("other", 0.9), "find", "health", "keywords"),
        ("i need a doctor", parsed("disclose", 0.4, concern=("danger", 0.1)), "find", "health", "keywords"),
        ("law", parsed("rights", 0.99), "find", "legal", "keywords"),  # our own reply says: text LAW
        ("wrong", parsed("deny", 0.99), "feedback_bad", None, "keywords"),
    ],
)
def test_the_topic(text: str, answer: Parsed | None, intent: str, need: str | None, source: str) -> None:
    reading = read(seen(text), answer, RULES)
    assert (reading.intent, reading.need, reading.source) == (intent, need, source)


def test_what_is_stored_has_codes_and_no_words() -> None:
    reading = read(glance("my husband beats me in Portsmouth, secretword", None), None, RULES)
    stored = reading.as_json()
    assert (stored["concern"], stored["place"], stored["language"]) == ("domestic_violence", "Portsmouth", "en")
    assert "secretword" not in str(stored)
    assert "husband" not in str(stored)


def test_the_language_sticks_to_the_one_before() -> None:
    def language(text: str, before: str | None) -> str | None:
        return read(glance(text, before), None, RULES).language

    for word in ("ok", "wi", "1", "no", "thanks"):
        assert language(word, "ht") == "ht"
        assert language(word, "en") == "en"
    assert language("mwen bezwen yon doktè pou pitit mwen an", "en") == "ht"


@pytest.mark.parametrize("text", ["", " ", "\n", "👍", "?", "1", "\x00", "a" * 5000, "é" * 3000, "\U0001f52a"])
def test_any_text_is_read(text: str) -> None:
    assert isinstance(read(glance(text, None), None, RULES), Reading)


WORDS_TAUGHT = {
    "en": {"LAW": "find", "PERSON": "human", "FORGET": "forget_me", "WRONG": "feedback_bad"},
    "ht": {"LALWA": "find", "MOUN": "human", "BLIYE": "forget_me", "PABON": "feedback_bad"},
    "acf": {"LALWA": "find", "MOUN": "human", "BLIYE": "forget_me", "PABON": "feedback_bad"},
    "fr": {"LOI": "find", "PERSONNE": "human", "EFFACER": "forget_me", "FAUX": "feedback_bad"},
    "es": {"LEY": "find", "PERSONA": "human", "BORRAR": "forget_me", "ERROR": "feedback_bad"},
}


@pytest.mark.parametrize(("language", "words"), WORDS_TAUGHT.items())
def test_the_words_that_replies_teach_mean_what_they_say_whatever_rasa_thinks(
    language: str, words: dict[str, str]
) -> None:
    for word, intent in words.items():
        assert read(glance(word, language), parsed("greet", 0.99), RULES).intent == intent, word


def test_those_are_the_words_that_replies_teach() -> None:
    for language, words in WORDS_TAUGHT.items():
        to_officers = ("page", "colour")
        told = [text for key, text in texts(language).items() if not key.startswith(to_officers)]
        said = {word for text in told for word in re.findall(r"\b[A-Z]{3,}\b", text)}
        assert said - {word.upper() for word in optout.OUR_IN} == words.keys()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("uncle touching rosalie", "en"), ("he following wesley", "en"), ("he threaten rosalie", "en"),
        ("li manyen rozali", "ht"), ("li frape rozali", "ht"), ("yo kenbe wesli", "ht"), ("mero he beat", "en"),
    ],
)  # fmt: skip
def test_a_name_that_is_also_a_places_keeps_nobody_from_being_heard(text: str, language: str) -> None:
    sure = replace(parsed(concern=("child_abuse", 0.97)), concern_alone=0.95)
    assert read(glance(text, language), sure, RULES).concern
