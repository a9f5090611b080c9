"""Which place a text names."""

import re
import string
import time
from itertools import product

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from directory import places, places_gazetteer, places_sound
from directory.places import find_place, find_standing_first, find_standing_last, find_written_large

NAMED = {
    "mwen bezwen yon dokte nan potsmouf": "Portsmouth",
    "Mwen bezwen yon doktè nan Pòtsmouf": "Portsmouth",
    "i need a doctor in portsmuth": "Portsmouth",
    "m rete wozo": "Roseau",
    "wozo": "Roseau",
    "laplaine": "La Plaine",
    "laplenn": "La Plaine",
    "i live in la plaine": "La Plaine",
    "gwan be": "Grand Bay",
    "mwen nan grann be": "Grand Bay",
    "grandbay": "Grand Bay",
    "kasbwis": "Castle Bruce",
    "sen jozef": "Saint Joseph",
    "st. joseph": "Saint Joseph",
    "mawo": "Mahaut",
    "an marigo": "Marigot",
    "vyej kaz": "Vieille Case",
    "teritwa kalinago": "Kalinago Territory",
    "dos d'ane": "Dos D'Ane",
    "scott's head": "Scotts Head",
    "st patrick": "Saint Patrick",
    "sent patrik": "Saint Patrick",
    "roseua": "Roseau",
    "portsmuoth": "Portsmouth",
    "layou": "Layou",
    "calibichie": "Calibishie",
    "help in chance": "Chance",
    "somebody to sit with her, masacre area": "Massacre",
    "newtown here light bill cut off": "Newtown",
    "grand bay clinic closed, bus to town too dear": "Grand Bay",
    "mwen Pòtsmouf, pa gen travay nan town": "Portsmouth",
    "clinic in grand bay town": "Grand Bay",
    "mwen ka weste goodwill": "Goodwill",
    "li nan wesle li pa gen kote": "Wesley",
    "de neg sou plaj skotsed": "Scotts Head",
    "policeman in p'mouth": "Portsmouth",
    "bo bat estet": "Bath Estate",
    "depi lodat": "Laudat",
    "nan chans": "Chance",
    "chance": "Chance",
    "mwen gen yon moun malad nan salisberi": "Salisbury",
    "m bezwen dokte nan nioutaoun": "Newtown",
    "solzberi": "Salisbury",
    "nou adan wesle": "Wesley",
    "m nan koliyo": "Colihaut",
    "yon kay nan skots hed": "Scotts Head",
    "nan kastel brous": "Castle Bruce",
    "mwen nan byoch": "Bioche",
    "nan pwent mishel": "Pointe Michel",
    "nan pitit savann": "Petite Savanne",
    "mwen nan mayo": "Mahaut",
    "chimen delis bloke": "Delices",
    "bus to portsmut": "Portsmouth",
    "from st joe": "Saint Joseph",
    "near atkinson": "Atkinson",
    "in grand bey": "Grand Bay",
    "estoy en portsmut": "Portsmouth",
    "bus for rozalie pass already": "Rosalie",
    "yon kay salisbri": "Salisbury",
    "travay menaj kastel konfo": "Castle Comfort",
    "nan yon depo woudfodil": "Woodford Hill",
    "moun kasbwous pa ni limye": "Castle Bruce",
    "road block by ti soufriere": "Petite Soufriere",
    "mwen rete wozo men m bezwen dokte nan potsmouf": "Portsmouth",
    # the place begins the text
    "good hope we have no rice": "Good Hope",
    "wesli pa ni dlo": "Wesley",
    "rozali kijan pou m jwenn yon doktè": "Rosalie",
    "clifton where the nurse today": "Clifton",
    "clifton still have no light": "Clifton",
    "hello bagatel clinic open?": "Bagatelle",
    "good morning mero we need a nurse": "Mero",
    "masak yon kay pran dife": "Massacre",
    "rosalie i need a lawyer": "Rosalie",
    "clifton where i can get a doctor": "Clifton",
    "thibaud we need tarpaulin": "Thibaud",
    "massacre no water since monday": "Massacre",
    # or ends it, or what is said first
    "the roof blow off thibaud": "Thibaud",
    "kay la kraze mon jon": "Morne Jaune",
    # by ear
    "glanvilya mwen bezwen dlo": "Glanvillia",
    "m rete elmsol": "Elmshall",
    "kengzil lekol la femen": "Kings Hill",
    "mo pak bezwen limye": "Moore Park",
    "pay bouche road block": "Paix Bouche",
    "colibistri no water": "Coulibistrie",
    "belviwol pa gen dlo": "Bellevue Rawle",
    "nan belvi rol": "Bellevue Rawle",
    "ti soufrye pa gen bis": "Petite Soufriere",
    "ptit soufriere need water": "Petite Soufriere",
    # more words of place
    "mwen se moun tibo": "Thibaud",
    "bis wesley pati": "Wesley",
    "pawas sen mak": "Saint Mark",
}
NOTHING = [
    "",
    "???",
    "give me a chance",
    "bay mwen yon chans",
    "i have good hope",
    "chicken soup",
    "a nice cottage",
    "the massacre of my family",
    "mero fish is good",
    "gran moun mwen an",
    "grand delices",
    "les belles filles",
    "mwen soufri anpil",
    "mwen soufriye",
    "people of goodwill",
    "town hall meeting on friday",
    "a whole area of land",
    "they call him wesly",
    "out of the new town",
    "stand me up",
    "mwen ta renmen jwenn manje",
    "gallon of water",
    "m gen san nan mayo mwen",
    "m gen yon mayo",
    "kalinago people are last",
    "nan chanm mwen",
    "an galon dlo",
    "my name is campbell",
    "mr warner is my boss",
    "nan lari a",
    "nan lopital",
    "in the morning",
    "dans la rue",
    "en la calle",
    "an belle maison",
    "met la di se san peye",
    "boutika",
    "reseau telephone",
    "daycare in town",
    "wete m nan lekol la",
    "tout pansyon an granme a ap domi",
    # a person, or an ordinary word, at the beginning or at the end
    "wesley beat me again last night",
    "wesley where you is",
    "wesli ki nan lopital",
    "delis mwen se manje",
    "mwen rele thibaud mwen bezwen travay",
    "we need good will from the landlord",
    "pon kase wout la bloke",
    "li fe nwa gwan fon lanme",
    "clifton need to pay me",
    "rosalie is my sister",
    "rozali mwen renmen ou",
    "chance we could get some food",
    "chans mwen fini",
    "anba nou gen dlo",
    "kalinago people get no help",
    "mwen se moun kalinago",
    "delis mwen",
    "masak yo te fe a",
    "pe bouch ou",
    "i living with clifton",
    "my brother clifton",
    "thanks for the food rosalie",
    "food for rosalie",
    "the lost goodwill",
    "some goodwill",
    "need a ride to the dentist rozali",  # so ends "uncle touching rosalie" too
    "leaking roof wesly where to get tarpaulin",
    "good morning wesley",
    "in massacre they kill my family in haiti",
    # heard in ordinary words
    "mwen gen 15 an",
    "kay la plen moustik",
    "m nan lapenn",
    "never get a day off",
    "kapiten nan pa kite m desann",
    "m ap mouri ak grangou",
    "mwen pe touche pansyon",
    "di blan an mwen la",
    "a man grabbed me",
    "no school instead",
]


@pytest.mark.parametrize(("text", "name"), NAMED.items())
def test_names_a_place(text: str, name: str) -> None:
    place = find_place(text)
    assert place is not None
    assert place.name == name


@pytest.mark.parametrize("text", NOTHING)
def test_ordinary_words_are_not_places(text: str) -> None:
    assert find_place(text) is None


LARGE = {
    "ambulance pou Délis souplé": "Delices",
    "room to rent cheap Goodwill": "Goodwill",
    "mwen ka vann pwéson Gwandans": "Portsmouth",
    "lantéman dimanch Mòn Jòn, kafé apwé": "Morne Jaune",
    "chimen-an bouché dépi yè, nou kopé San Sovè": "San Sauveur",
}
SMALL = [
    "",
    "Goodwill",
    "a man of goodwill came to see me",
    "Goodwill to all of you and your family",
    "he say sorry. Goodwill is all i want",
    "Peace And Goodwill To Everybody",
    "NEED ROOM TO RENT CHEAP GOODWILL",
    "they call him Wesley and he have no work",
    "nou ka étidyé Masak lékòl",
    "gason mwen voye yon gwo bawi ban nou",
]


@pytest.mark.parametrize(("text", "name"), LARGE.items())
def test_a_capital_letter_inside_a_sentence_names_a_place(text: str, name: str) -> None:
    place = find_written_large(text)
    assert place is not None
    assert place.name == name


@pytest.mark.parametrize("text", SMALL)
def test_elsewhere_a_capital_letter_says_nothing(text: str) -> None:
    assert find_written_large(text) is None


def test_names_that_a_capital_letter_tells_are_ordinary_words_of_the_gazetteer() -> None:
    gazetteer = places_gazetteer.read_gazetteer()
    assert gazetteer.large <= gazetteer.common


def test_an_exact_name_wins_over_a_misspelled_one() -> None:
    place = find_place("calibishhie or marigot")
    assert place is not None
    assert (place.name, place.score) == ("Marigot", 100)


def test_a_guess_says_that_it_is_one() -> None:
    place = find_place("portsnouth")
    assert place is not None
    assert 70 < place.score < 100


def test_every_name_in_the_gazetteer_is_found_after_a_word_of_place() -> None:
    wrong = []
    for place in places.all_places():
        found = find_place(f"nan {place.name}")
        if found is None or (found.name, found.parish) != (place.name, place.parish):
            wrong.append(place.name)
    assert wrong == []


def test_every_spelling_of_a_settlement_is_found_after_a_word_of_place() -> None:
    wrong = []
    for row in yaml.safe_load(places_gazetteer.GAZETTEER.read_text(encoding="utf-8"))["places"]:
        for written in (name for kind in ("also", "acf", "ht", "misspelled") for name in row.get(kind, ())):
            whole = places_gazetteer.fold(written) in places_gazetteer.read_gazetteer().whole
            found = find_place(written if whole else f"bo {written}")
            if found is None or (found.name, found.parish) != (row["name"], row["parish"]):
                wrong.append((row["name"], written))
    assert wrong == []


def test_what_tells_an_ordinary_name_apart_is_of_names_that_are_ordinary() -> None:
    gazetteer = places_gazetteer.read_gazetteer()
    begins = gazetteer.begins
    assert begins.words | begins.people | begins.ends <= gazetteer.common
    assert begins.rare <= begins.ends <= begins.words | begins.people
    assert begins.words.isdisjoint(begins.people)
    assert begins.english | begins.foreign | begins.stays <= gazetteer.common
    assert begins.never <= begins.stays
    assert begins.english.isdisjoint(begins.stays)
    assert gazetteer.whole <= begins.stays
    assert begins.joins <= begins.does


# (text, its language, the place): the name is an ordinary word, or a person's, in some language
AMONG = [
    # ordinary in English alone
    ("kay goodwill la plen moun", "ht", "Goodwill"),
    ("goodwill", "ht", "Goodwill"),
    ("mwen vini good hope yè", "acf", "Good Hope"),
    ("some goodwill", "en", None),
    # ordinary in the creoles alone
    ("the delices bus pass full", "en", "Delices"),
    ("they people in gran fon get none grand fond people vex", "en", "Grand Fond"),
    ("no light all week mero", "en", "Mero"),
    ("eat a delice", "en", None),
    # who, or what, is of there
    ("mwen se on moun masak", "acf", "Massacre"),
    ("kijan pou m jwenn yon moun belles", "ht", "Belles"),
    ("granmoun gran fon an pa wè", "ht", "Grand Fond"),
    ("m achte diri nan boutik wesli", "ht", "Wesley"),
    ("nou pral kraze ekip wesley a", "ht", "Wesley"),
    ("madanm masak la fè m vini", "ht", "Massacre"),
    ("masak la te tèrib", "ht", None),
    ("moun kalinago yo", "ht", None),
    ("yon dènye chans", "ht", None),
    # nothing makes it the ordinary word
    ("matant mwen gran fon pa janm soti", "ht", "Grand Fond"),
    ("wout la bloke delis", "ht", "Delices"),
    ("li delis li pa ka leve", "ht", "Delices"),
    ("lapli delis pote tout jaden", "acf", "Delices"),
    ("granmoun yo maho", "ht", "Mahaut"),
    ("sa se yon delis", "ht", None),
    ("delis mwen se manje", "ht", None),
    # somebody lives there
    ("se massacre mwen rete", "ht", "Massacre"),
    ("wi rosalie se la l rete", "ht", "Rosalie"),
    # a person's name in a creole text
    ("nou domi nan yon depo wesle yo met kadna", "ht", "Wesley"),
    ("mari m pa ka pale li wesli", "ht", "Wesley"),
    ("m kite kay la wesli ak timoun yo", "ht", "Wesley"),
    ("ki jou ki gen doktè rozali", "ht", "Rosalie"),
    ("frè mwen wesley", "ht", None),
    ("vwazen wesley ap bat fi a", "ht", None),
    ("mari mwen wesley ap bat mwen", "ht", None),
    ("wesley ka bat mwen", "acf", None),
    ("m ap viv ak clifton", "ht", None),
    ("tonton m ap touche rozali", "ht", None),
    ("m renmen rozali anpil", "ht", None),
    ("wesley mwen bezwen pale ak ou", "ht", None),
    # and in an English one
    ("wesly junction", "en", "Wesley"),
    ("the wesley number ring out all morning", "en", "Wesley"),
    ("which school is the shelter for thibaud", "en", "Thibaud"),
    ("pregnancy check wesley", "en", "Wesley"),
    ("leaking roof wesly who selling tarpaulin", "en", "Wesley"),
    ("tree fall down in back of thibaud blocking us", "en", "Thibaud"),
    ("uncle touching thibaud", "en", None),
    ("my boss thibaud", "en", None),
    ("the wesley that beat me", "en", None),
    ("food for rosalie", "en", None),
    ("my brother clifton", "en", None),
    ("good morning wesley", "en", None),
    ("uncle touching rosalie", "en", None),
    # what stands in every other sentence
    ("m rete anba kabann nan", "ht", None),
    ("dosye m ap rete anba", "ht", None),
    ("kanpe an fas bak mwen pwent michel zam nan anba chemiz", "ht", "Pointe Michel"),
    ("kay la plen moustik", "ht", None),
    ("lekol la plen", "ht", None),
    # by ear, without a word of place
    ("yon chez pou mwen laiou", "ht", "Layou"),
    ("madanm ka twavay niyton", "acf", "Newtown"),
    ("si lanme monte lapwent", "acf", "Pointe Michel"),
    ("tol kapousen", "acf", "Capuchin"),
]


@pytest.mark.parametrize(("text", "language", "name"), AMONG)
def test_in_a_known_language_what_stands_around_an_ordinary_name_tells(
    text: str, language: str, name: str | None
) -> None:
    place = find_place(places_gazetteer.fold(text), language)
    assert (place.name if place else None) == name


FIRST = [
    ("bense", "wheelchair for my uncle", "Bense"),
    ("hello clifton", "one bus a day", "Clifton"),
    ("delis", "tanpri yon dokte fanm", "Delices"),
    ("rosalie", "no water since monday", "Rosalie"),
    ("rosalie", "my daughter, is sick", None),
    ("wesley", "he beat me again", None),
    ("wesley", "i need a doctor", None),
    ("wesley", "dlo m kase", None),
    ("pika", "m ap mouri", None),
    ("massacre", "they kill my family", None),
    ("massacre", "we have no light", "Massacre"),
    ("wesley", "rosalie and joseph need shoes", None),
    ("chance", "that is all i want", None),
    ("hello", "i need a doctor", None),
    ("i need a doctor", "any one", None),
]


@pytest.mark.parametrize(("head", "rest", "name"), FIRST)
def test_a_name_that_a_stop_parts_from_the_rest_is_a_place(head: str, rest: str, name: str | None) -> None:
    place = find_standing_first(head, rest)
    assert (place.name if place else None) == name


LAST = [
    ("wesley", "i need food for two", "Wesley"),
    ("wesley", "i fraid my stepfather", None),
    ("wesley", "leave me alone please", None),
    ("good hope", "leave food for my father", "Good Hope"),
    ("massacre", "they kill my whole family", None),
    ("massacre", "we have no light", "Massacre"),
    ("portsnouth", "i need food for two", None),
    ("two", "i need food", None),
]


@pytest.mark.parametrize(("last", "before", "name"), LAST)
def test_a_name_that_a_stop_parts_from_what_stands_before_is_a_place(last: str, before: str, name: str | None) -> None:
    place = find_standing_last(last, before)
    assert (place.name if place else None) == name


@pytest.mark.parametrize("text", ["begins: 1\nplaces: []\nbegins: 2\n", "begins:\n  has: 1\n  asks: 2\n  has: 3\n"])
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"the key '(begins|has)' twice: lines [12] and [34]"):
        places_gazetteer.read_once(text)


def test_the_map_is_consistent() -> None:
    parishes = {p.name: p for p in places.parishes()}
    assert len(parishes) == 10
    assert len({p.iso for p in parishes.values()}) == 10
    for parish in parishes.values():
        assert all(parish.name in parishes[other].neighbours for other in parish.neighbours)
    assert {p.parish for p in places.all_places()} == set(parishes)
    assert {p.district for p in places.all_places()} - {None} == set(places.health_districts())


def test_no_spelling_belongs_to_two_places() -> None:
    owners: dict[str, set[str]] = {}
    for row in yaml.safe_load(places_gazetteer.GAZETTEER.read_text(encoding="utf-8"))["places"]:
        for kind in ("also", "acf", "ht", "misspelled"):
            for written in row.get(kind, ()):
                owners.setdefault(places_gazetteer.key_of(written), set()).add(row["name"])
    assert {name: who for name, who in owners.items() if len(who) > 1} == {}


def test_each_council_serves_places_that_there_are_and_a_place_has_at_most_one() -> None:
    served = [place for council in places.councils() for place in council.serves]
    assert len(served) == len(set(served))
    assert {place.name for place in places.all_places() if place.council} == set(served)
    assert len({council.name for council in places.councils()}) == len(places.councils())


def test_a_place_has_its_parish_health_district_and_council() -> None:
    place = find_place("an Kachakwou")
    assert place is not None
    told = (place.name, place.parish, place.district, place.council)
    assert told == ("Scotts Head", "Saint Mark", "Roseau", "Soufriere/Scotts Head Village Council")


def test_a_guess_keeps_what_is_known_of_the_place() -> None:
    place = find_place("portsnouth")
    assert place is not None
    assert (place.district, place.council) == ("Portsmouth", "Portsmouth Town Council")


def test_where_no_source_names_the_council_it_is_unknown() -> None:
    place = places.place_named("Laudat")
    assert place is not None
    assert place.council is None


def test_names_are_told_apart_by_language_and_from_misspellings() -> None:
    assert "Gwan Be" in places.creole_names("Grand Bay", "acf")
    assert "Gwan Be" not in places.creole_names("Grand Bay", "ht")
    assert "Gran Be" in places.creole_names("Grand Bay", "ht")
    assert "Gran Be" not in places.creole_names("Grand Bay", "acf")
    assert "Wozo" in set(places.creole_names("Roseau", "acf")) & set(places.creole_names("Roseau", "ht"))
    assert "Rosseau" not in {*places.creole_names("Roseau", "acf"), *places.creole_names("Roseau", "ht")}


def test_nearest() -> None:
    at = places.nearest(15.582, -61.455)
    assert at is not None
    assert at.name == "Portsmouth"
    assert places.nearest(18.5, -72.3) is None  # Port-au-Prince


def test_is_quick() -> None:
    find_place("warm")
    text = "mwen bezwen yon dokte pou pitit mwen an ki malad depi yon semen tanpri ede m " * 2
    start = time.perf_counter()
    for _ in range(50):
        find_place(text)
    assert (time.perf_counter() - start) / 50 < 0.005  # aim: 1 ms; the room is for a busy machine


@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), min_size=1, max_size=3))
def test_words_said_together_sound_as_each_of_their_readings_in_a_row(words: list[str]) -> None:
    together = {"".join(parts) for parts in product(*map(places_sound.readings, words))}
    assert places_sound.keys(tuple(words)) == {re.sub(r"(.)\1+", r"\1", one) for one in together}


def test_who_lives_in_massacre_and_is_in_danger_is_found() -> None:
    """The settlement is called as an event is: beside killing it takes a word of place."""
    place = find_place("he going to kill me i live in massacre")
    assert place
    assert place.name == "Massacre"
    assert find_place("massacre they kill my family in haiti") is None
