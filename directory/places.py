"""The places of Dominica, and which of them a text names. No database: the gazetteer is `data/places.yml`."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz.distance import OSA

from directory import places_sound
from directory.places_among import stands_among
from directory.places_begin import begin_of, begins, ends_what_is_said, is_event, stands_first, stands_last
from directory.places_gazetteer import (
    JOINED_FROM,
    MOST_WORDS,
    SAINTS,
    SURE,
    Council,
    Gazetteer,
    Parish,
    Place,
    fold,
    read_gazetteer,
    words_of,
)

__all__ = [
    "Council", "Parish", "Place", "all_places", "councils", "creole_names", "distance_km", "find_place",
    "find_standing_first", "find_standing_last", "find_written_large", "fold", "health_districts", "may_be_no_place",
    "nearest", "neighbours", "parishes", "place_named",
]  # fmt: skip

LONGEST_NAME = 4  # words
FUZZY_FROM = 7  # letters; shorter words are never guessed at...
FUZZY_LED_FROM = 5  # ...except after a word of place, or as the whole message
TWO_FAULTS_FROM = 10  # letters
ARTICLES = ("an", "en")  # "in" in Kweyol, French and Spanish, and also "a" in Kweyol
ENDS_FROM = 3  # words of a text that ends with a place of an ordinary name
HEARD_FROM = 4  # letters; shorter words are not taken for what they sound like
HEARD_ALONE_FROM = 5  # letters, where no word of place stands before
MOSTLY = 0.6  # of the words of a text begin small where a capital letter says something
_WORD, _ENDS = re.compile(r"[^\W\d_]+"), re.compile(r"[.!?\n:]")
HEARD, HALF_HEARD = 90.0, 75.0  # scores: sounds the same; only the consonants do


def find_place(normalised_text: str, language: str | None = None) -> Place | None:
    """The place a text names, or None.

    Takes the text in lower case without accents (other text is folded first). An exact name wins over a misspelled
    one, a name beside a word of place ("in", "nan", "area") over one that stands alone, then the longer, then the
    earlier.
    A name written as it sounds ("salisberi") comes after a slip of the finger, and mostly needs a word of place.
    In a `language` that is known, what is an ordinary word in another alone is a name.
    """
    words = words_of(normalised_text)
    if not words:
        return None
    gazetteer, grams = read_gazetteer(), list(_grams(words))
    led = [_led(words, start, gazetteer) for start in range(len(words))]
    said = _Said(words, grams, led, begin_of(words, gazetteer), language)
    exact = _exact(said, gazetteer)
    place = exact or _misspelled(said, gazetteer) or _by_ear(said, gazetteer)
    return None if place and not exact and is_event(place.name, words, gazetteer) else place


def find_written_large(text: str) -> Place | None:
    """The place that a text as it was typed names by a capital letter inside a sentence, where small letters are the
    rule ("ambulance pou Délis"); of names that are ordinary words too, those of the list `large` alone."""
    words = list(_WORD.finditer(text))[:MOST_WORDS]
    if sum(word[0][0].islower() for word in words) < MOSTLY * len(words):
        return None
    gazetteer = read_gazetteer()
    for start in range(1, len(words)):
        for size in range(min(LONGEST_NAME, len(words) - start), 0, -1):
            name = words[start : start + size]
            if not all(word[0].istitle() for word in name) or _ENDS.search(
                text[words[start - 1].end() : name[0].start()]
            ):
                continue
            if fold(" ".join(word[0] for word in name)) in gazetteer.large:
                return gazetteer.names["".join(fold(word[0]) for word in name)]
    return None


def find_standing_first(head: str, rest: str) -> Place | None:
    """The place that a text begins with, as typed, which a comma or a stop parts from the `rest`: its very name, also
    one that is an ordinary word ("bense. wheelchair for my uncle")."""
    gazetteer, words = read_gazetteer(), words_of(head)
    words = words[begin_of(words, gazetteer) :]
    place = gazetteer.names.get("".join(words))
    after = words_of(rest)
    if place is None or is_event(place.name, after, gazetteer):
        return None
    return place if stands_first(words, after, gazetteer) else None


def find_standing_last(last: str, before: str, language: str | None = None) -> Place | None:
    """The place that a text ends with, which a comma or a stop parts from what stands `before`: its very name, also one
    that is an ordinary word ("i need food for two, wesley")."""
    gazetteer, words, said = read_gazetteer(), words_of(last), words_of(before)
    place = find_place(last, language)
    if place is None or place.score < SURE or is_event(place.name, said, gazetteer):
        return None
    return place if stands_last(words, said, gazetteer) else None


def may_be_no_place(normalised_text: str) -> bool:
    """Whether a name in the text is an ordinary word or a person's as well ("uncle touching rosalie"): `common`."""
    words, gazetteer = words_of(normalised_text), read_gazetteer()
    spoken = {" ".join(words[start : start + size]) for start, size, _ in _grams(words)}
    return not spoken.isdisjoint(gazetteer.common)


@dataclass(frozen=True, slots=True)
class _Said:
    """The words of a text; one to four of them in a row, joined, as (start, size, key); whether a word of place stands
    before each; the first that is no greeting; the language, where it is known."""

    words: list[str]
    grams: list[tuple[int, int, str]]
    led: list[bool]
    begin: int
    language: str | None = None


def all_places() -> tuple[Place, ...]:
    """Every settlement of the gazetteer."""
    return read_gazetteer().places


def parishes() -> tuple[Parish, ...]:
    """The ten parishes."""
    return read_gazetteer().parishes


def health_districts() -> tuple[str, ...]:
    """The seven health districts (they are not the parishes)."""
    return read_gazetteer().districts


def councils() -> tuple[Council, ...]:
    """The local authorities of which a source says what they serve: not all 42."""
    return read_gazetteer().councils


def creole_names(place: str, language: str) -> tuple[str, ...]:
    """What a settlement is called in Kweyol (acf) or Haitian Creole (ht), misspellings apart; drafts, see the file."""
    return read_gazetteer().creole.get((place, language), ())


def neighbours(parish: str) -> tuple[str, ...]:
    """The parishes that border on `parish`; none for an unknown name."""
    return next((p.neighbours for p in parishes() if p.name == parish), ())


def place_named(name: str) -> Place | None:
    """The settlement with exactly this name, as written in the gazetteer."""
    return read_gazetteer().by_name.get(name)


def nearest(latitude: float, longitude: float, within_km: float = 40) -> Place | None:
    """The settlement nearest to a point, of those whose position is known; None when all are further away."""
    known = [(distance_km(latitude, longitude, p.latitude, p.longitude), p) for p in all_places() if p.latitude]
    far, place = min(known, key=lambda pair: pair[0])
    return place if far <= within_km else None


def distance_km(lat1: float, lon1: float, lat2: float | None, lon2: float | None) -> float:
    """Kilometres between two points, as a bird flies (haversine); infinite when one is not known."""
    if lat2 is None or lon2 is None:
        return math.inf
    rad = math.radians
    half = math.sin(rad(lat2 - lat1) / 2) ** 2
    half += math.cos(rad(lat1)) * math.cos(rad(lat2)) * math.sin(rad(lon2 - lon1) / 2) ** 2
    return 12742 * math.asin(math.sqrt(half))


def _exact(said: _Said, gazetteer: Gazetteer) -> Place | None:
    best: tuple[tuple[bool, int, int], Place, int] | None = None
    words = said.words
    for start, size, key in said.grams:
        place = gazetteer.names.get(key)
        if place is None or is_event(place.name, words, gazetteer, led=said.led[start]):
            continue
        written = " ".join(words[start : start + size])
        if size > 1 and len(key) < JOINED_FROM and words[start] not in SAINTS and written not in gazetteer.short:
            continue
        followed = _followed(words, start + size, gazetteer)
        if written in gazetteer.whole and size < len(words) and not followed:
            continue
        led = said.led[start] or followed
        if not led and written in gazetteer.common and not _by_itself(said, start, size, gazetteer):
            continue
        rank = (led, len(key), -start)
        if best is None or rank > best[0]:
            best = (rank, place, size)
    return (_longer(said, -best[0][2], best[2], best[1], gazetteer) or best[1]) if best else None


def _by_itself(said: _Said, start: int, size: int, gazetteer: Gazetteer) -> bool:
    """Whether an ordinary word is a place because it is the whole text, or the text, or what is said first, begins or
    ends with it, or by what stands around it."""
    words, end = said.words, start + size
    if size == len(words) or stands_among(words, start, end, said.language, gazetteer):
        return True
    if start != said.begin and not ends_what_is_said(words, start, end, gazetteer):
        return False
    name = " ".join(words[start:end])
    if end < len(words):
        return name in gazetteer.begins.rare or begins(words, start, end, gazetteer)
    return len(words) >= ENDS_FROM and name not in gazetteer.begins.people


def _longer(said: _Said, start: int, size: int, place: Place, gazetteer: Gazetteer) -> Place | None:
    """Another place whose longer name, of which the words found are a part, is written as it sounds: "ti soufwiye"."""
    for first, count, _ in said.grams:
        if count <= size or not first <= start <= first + count - size:
            continue
        for key in sorted(places_sound.keys(tuple(said.words[first : first + count])) & gazetteer.heard.keys()):
            sound = gazetteer.heard[key]
            if sound.words == count and sound.place.name != place.name:
                return _scored(sound.place, HEARD)
    return None


def _misspelled(said: _Said, gazetteer: Gazetteer) -> Place | None:
    best: tuple[float, Place] | None = None
    words = said.words
    for start, size, key in said.grams:
        led = size == len(words) or said.led[start]
        if len(key) < (FUZZY_LED_FROM if led else FUZZY_FROM) or key in gazetteer.not_places or key in gazetteer.names:
            continue
        if not led and _owned(words, start + size, gazetteer):
            continue
        for name, faults in _close(key, size):
            score = SURE * (1 - faults / len(name)) - 1
            if best is None or score > best[0]:
                best = (score, gazetteer.names[name])
    return None if best is None else _scored(best[1], round(best[0], 1))


def _by_ear(said: _Said, gazetteer: Gazetteer) -> Place | None:
    """A place written as it is heard: the same sounds, or the same consonants where a word of place stands before."""
    best: tuple[float, int, Place] | None = None
    words = said.words
    begun: frozenset[str] = frozenset()  # of how these words may sound, what a name begins with
    for start, size, key in said.grams:
        led = size == len(words) or said.led[start]
        if not led:
            begun = _begun(begun if size > 1 else _NOTHING_YET, words[start + size - 1], gazetteer)
        if not (led or begun) or len(key) < (HEARD_FROM if led else HEARD_ALONE_FROM) or not key.isalpha():
            continue
        if key in gazetteer.not_places or key in gazetteer.names or _owned(words, start + size, gazetteer):
            continue
        article = start > 0 and words[start - 1] in ARTICLES  # as well as "in"
        gram = tuple(words[start : start + size])
        sounds = places_sound.keys(gram) if led else begun
        found = _heard(gram, sounds, gazetteer, led=led, certain=led and not article)
        if found and (best is None or (found[0], size) > best[:2]):
            best = found[0], size, found[1]
    return _scored(best[2], best[0]) if best else None


_NOTHING_YET = frozenset({""})


def _begun(before: frozenset[str], word: str, gazetteer: Gazetteer) -> frozenset[str]:
    """How some words sound with a further one, as far as a name begins so."""
    return places_sound.with_word(before, word) & gazetteer.heard_from if before else before


def _heard(
    gram: tuple[str, ...], sounds: frozenset[str], gazetteer: Gazetteer, *, led: bool, certain: bool
) -> tuple[float, Place] | None:
    """The place that words of these sounds name, with its score; one that is an ordinary word only when a place is
    `certain`."""
    keys = sorted(sounds) if led or not gazetteer.heard.keys().isdisjoint(sounds) else ()
    for key in keys:
        sound = gazetteer.heard.get(key)
        if sound and (certain or not sound.common) and len(gram) in {1, sound.words}:
            return HEARD, sound.place
    for key in keys if led else ():
        for name in gazetteer.half_heard.get(places_sound.skeleton(key), ()):
            sound = gazetteer.heard[name]
            if len(gram) in {1, sound.words} and places_sound.alike(key, name):
                return HALF_HEARD, sound.place
    return None


def _led(words: list[str], start: int, gazetteer: Gazetteer) -> bool:
    """Whether a word of place ("nan"), or two ("road to"), or what places have ("lekol"), stand before."""
    before = words[max(0, start - 2) : start]
    if not before or not (before[-1] in gazetteer.place_words or " ".join(before) in gazetteer.place_words):
        return False
    return f"{before[-1]} {words[start]}" not in gazetteer.not_led


def _followed(words: list[str], end: int, gazetteer: Gazetteer) -> bool:
    """Whether what follows shows that a place is meant: "masacre area"."""
    return end < len(words) and words[end] in gazetteer.after


def _owned(words: list[str], end: int, gazetteer: Gazetteer) -> bool:
    """Whether what follows shows that no place is meant: "mayo mwen" is my shirt, "kalinago people" are people."""
    return end < len(words) and words[end] in gazetteer.not_after


@lru_cache(maxsize=20_000)  # people use few words
def _close(key: str, size: int) -> tuple[tuple[str, int], ...]:
    """Names with the same first letter that are one slip away (two in a long name)."""
    gazetteer, allowed = read_gazetteer(), 2 if len(key) >= TWO_FAULTS_FROM else 1
    found = []
    for length in range(len(key) - allowed, len(key) + allowed + 1):
        for name in gazetteer.near.get((key[0], length, size), ()):
            faults = OSA.distance(key, name, score_cutoff=allowed)
            if faults <= allowed:
                found.append((name, faults))
    return tuple(found)


def _grams(words: list[str]) -> Iterator[tuple[int, int, str]]:
    for start in range(len(words)):
        for size in range(1, min(LONGEST_NAME, len(words) - start) + 1):
            yield start, size, "".join(words[start : start + size])


def _scored(place: Place, score: float) -> Place:
    return replace(place, score=score)
