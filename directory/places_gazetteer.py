"""The gazetteer as it is read from `data/places.yml`: places, parishes, every spelling and every sound of a name."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from directory import places_sound

GAZETTEER = Path(__file__).parent / "data" / "places.yml"
SAINTS = ("saint", "st", "sen", "sent", "sint", "ste")
SHORT_SAINTS = ("st", "sen", "sint")  # too short to be guessed at: "stand me" is not Saint Andrew
MOST_WORDS = 120  # an SMS has fewer; the rest of a longer text is not read
JOINED_FROM = 6  # letters; shorter names are not found across a space, if not written so here
NEAR_FROM = 6  # letters of a name that a slip of the finger may be guessed for
SURE = 100.0
NEAR_SLIP_FROM = 8  # letters, where the name is a misspelling itself: a guess at a guess. None is guessed by its sound
CREOLES = ("acf", "ht")


@dataclass(frozen=True, slots=True)
class Place:
    """A parish or settlement. `score` is 100 for an exact name and less for a guess at a misspelled one."""

    name: str
    parish: str
    kind: str
    score: float = SURE
    district: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    approximate: bool = True
    confirmed: bool = True
    council: str | None = None


@dataclass(frozen=True, slots=True)
class Council:
    """A local authority: of the city, a town, an urban area, the Kalinago Territory, or villages."""

    name: str
    kind: str
    serves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parish:
    """One of the ten parishes, with those that share a border with it."""

    name: str
    iso: str
    capital: str
    neighbours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sound:
    """Whose name sounds so; whether the name is an ordinary word; of how many words it is."""

    place: Place
    common: bool
    words: int


@dataclass(frozen=True, slots=True)
class Begins:
    """What tells that a text begins with a place of an ordinary name (or ends with one): the names (`words` of a
    language, `people`), and the words that may follow them; places.yml says of what kind each is."""

    greetings: frozenset[str]
    words: frozenset[str]
    people: frozenset[str]
    has: frozenset[str]
    asks: frozenset[str]
    told: frozenset[str]
    related: frozenset[str]
    relates: frozenset[str]
    supplies: frozenset[str]
    lacking: frozenset[str]
    of_them: frozenset[str]
    ends: frozenset[str]
    not_ends: frozenset[str]
    rare: frozenset[str]
    wary: frozenset[str]
    events: frozenset[str]
    elsewhere: frozenset[str]
    happens: frozenset[str]
    persons: frozenset[str]
    may: frozenset[str]
    harms: frozenset[str]
    spoken_to: frozenset[str]
    seeks: frozenset[str]
    counts: frozenset[str]
    signs: frozenset[str]
    selves: frozenset[str]
    doing: frozenset[str]
    then: frozenset[str]
    belongs: frozenset[str]
    english: frozenset[str]
    foreign: frozenset[str]
    stays: frozenset[str]
    never: frozenset[str]
    inhabit: frozenset[str]
    dwellers: frozenset[str]
    lives: frozenset[str]
    articles: frozenset[str]
    not_nouns: frozenset[str]
    subjects: frozenset[str]
    does: frozenset[str]
    joins: frozenset[str]
    meets: frozenset[str]

    def is_of_people(self, name: str) -> bool:
        """Whether people are called so: a first name, or a surname."""
        return name in self.people or name in self.wary


@dataclass(slots=True)
class Gazetteer:
    """Names without spaces -> place. `common` names (with their spaces: "newtown" is none where "new town" is one) need
    a word of place before them, or one that only places have after them (`after`); or, those of `large`, a capital
    letter."""

    places: tuple[Place, ...]
    parishes: tuple[Parish, ...]
    districts: tuple[str, ...]
    councils: tuple[Council, ...]
    place_words: frozenset[str]
    not_places: frozenset[str]
    not_after: frozenset[str]
    after: frozenset[str]
    not_led: frozenset[str]
    large: frozenset[str]
    whole: frozenset[str]
    begins: Begins
    by_name: dict[str, Place] = field(default_factory=dict)
    creole: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # (settlement, acf or ht) -> names
    names: dict[str, Place] = field(default_factory=dict)
    common: set[str] = field(default_factory=set)
    short: set[str] = field(default_factory=set)  # of a few letters, written as several words: "mo pak"
    near: dict[tuple[str, int, int], list[str]] = field(default_factory=dict)  # (first letter, letters, words; or 1)
    heard: dict[str, Sound] = field(default_factory=dict)
    half_heard: dict[str, list[str]] = field(default_factory=dict)  # consonants -> sounds
    heard_from: set[str] = field(default_factory=set)  # what the sounds begin with, each whole too


def fold(text: str) -> str:
    """Lower case, without accents."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def words_of(text: str) -> list[str]:
    """The first words of a text, folded."""
    return re.findall(r"[a-z0-9]+", fold(text).replace("'s", "s"))[:MOST_WORDS]


class _Loader(yaml.SafeLoader):
    """YAML keeps the last of two keys of one name and says nothing: here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise ValueError(f"the gazetteer has the key {key.value!r} twice: lines {lines[key.value]} and {line}")
            lines[key.value] = line
        return super().construct_mapping(node, deep=deep)


def read_once(text: str) -> dict[str, Any]:
    """The YAML of a gazetteer; ValueError where a key stands twice."""
    read: dict[str, Any] = _Loader(text).get_single_data()
    return read


@lru_cache(maxsize=1)
def read_gazetteer() -> Gazetteer:
    """The gazetteer, read once a process."""
    raw = read_once(GAZETTEER.read_text(encoding="utf-8"))
    councils = tuple(Council(row["name"], row["kind"], tuple(row["serves"])) for row in raw["councils"])
    served = {place: council.name for council in councils for place in council.serves}
    found = Gazetteer(
        places=tuple(_place(row, served.get(row["name"])) for row in raw["places"]),
        parishes=tuple(
            Parish(row["name"], row["iso"], row["capital"], tuple(row["neighbours"])) for row in raw["parishes"]
        ),
        districts=tuple(raw["health_districts"]),
        councils=councils,
        place_words=frozenset(fold(word) for word in raw["place_words"]),
        not_places=frozenset(fold(word) for word in raw["not_places"]),
        not_after=frozenset(fold(word) for word in raw["not_after"]),
        after=frozenset(fold(word) for word in raw["after"]),
        not_led=frozenset(map(_plain, raw["not_led"])),
        large=frozenset(map(_plain, raw["large"])),
        whole=frozenset(map(_plain, raw["whole"])),
        begins=Begins(**{kind: frozenset(map(_plain, names)) for kind, names in raw["begins"].items()}),
    )
    for row in raw["parishes"]:
        _learn(found, row, Place(row["name"], row["name"], "parish"))
    for row, place in zip(raw["places"], found.places, strict=True):
        found.by_name[place.name] = place
        found.creole |= {(place.name, language): tuple(row.get(language, ())) for language in CREOLES}
        _learn(found, row, place)
    return found


def _place(row: dict[str, Any], council: str | None) -> Place:
    latitude, longitude = row.get("at", (None, None))
    return Place(
        row["name"], row["parish"], row["kind"], SURE, row.get("district"), latitude, longitude,
        confirmed=not row.get("unconfirmed", False), council=council,
    )  # fmt: skip


def _learn(gazetteer: Gazetteer, row: dict[str, Any], place: Place) -> None:
    """Add every spelling of a place. A settlement overwrites the parish of the same name: it says more."""
    gazetteer.common |= set(map(_plain, row.get("common", ())))
    common = {key_of(name) for name in row.get("common", ())}
    creoles = [name for language in CREOLES for name in row.get(language, ())]
    ordinary = frozenset[str]().union(*(places_sound.keys(tuple(words_of(name))) for name in row.get("common", ())))
    for written in row.get("misspelled", ()):
        _learn_spelling(gazetteer, written, place, common, near_from=NEAR_SLIP_FROM)
    for written in dict.fromkeys((row["name"], *row.get("also", ()), *creoles)):
        _learn_spelling(gazetteer, written, place, common, near_from=NEAR_FROM)
        _learn_sound(gazetteer, tuple(words_of(written)), place, ordinary, creole=written in creoles)


def _learn_spelling(gazetteer: Gazetteer, written: str, place: Place, common: set[str], *, near_from: int) -> None:
    """One spelling, also as what a slip of the finger may have been meant for, if of so many letters and not an
    ordinary word."""
    gazetteer.short |= {_plain(written)} if " " in written and len(key_of(written)) < JOINED_FROM else set()
    for key in _spellings(written):
        gazetteer.names[key] = place
        if key not in common and len(key) >= near_from and not key.startswith(SHORT_SAINTS):
            for size in {1, len(words_of(written))}:
                gazetteer.near.setdefault((key[0], len(key), size), []).append(key)


def _learn_sound(
    gazetteer: Gazetteer, words: tuple[str, ...], place: Place, ordinary: frozenset[str], *, creole: bool
) -> None:
    """The sounds of one spelling. As with spellings, a settlement says more than the parish of the same name."""
    for key in sorted(places_sound.keys(words, creole=creole)):
        known = gazetteer.heard.get(key)
        if known is None or known.place.kind == "parish":
            gazetteer.heard[key] = Sound(place, key in ordinary or words[0] in SAINTS, len(words))
        gazetteer.heard_from |= {key[:end] for end in range(1, len(key) + 1)}
        bones = places_sound.skeleton(key)
        if len(bones) >= places_sound.SKELETON_FROM:
            gazetteer.half_heard.setdefault(bones, []).append(key)


def _spellings(written: str) -> set[str]:
    words = words_of(written)
    if words[0] not in {"saint", "sen"}:
        return {"".join(words)}
    return {saint + "".join(words[1:]) for saint in SAINTS}


def _plain(written: str) -> str:
    """A name as folded words."""
    return " ".join(words_of(written))


def key_of(written: str) -> str:
    """A name as one folded word."""
    return "".join(words_of(written))
