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
NEAR_FROM = 6  # letters of a name that a slip of the finger may be guessed for
SURE = 100.0
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
    large: frozenset[str]
    by_name: dict[str, Place] = field(default_factory=dict)
    creole: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # (settlement, acf or ht) -> names
    names: dict[str, Place] = field(default_factory=dict)
    common: set[str] = field(default_factory=set)
    near: dict[tuple[str, int], list[tuple[str, int]]] = field(default_factory=dict)  # (name, words in it)
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


@lru_cache(maxsize=1)
def read_gazetteer() -> Gazetteer:
    """The gazetteer, read once a process."""
    raw = yaml.safe_load(GAZETTEER.read_text(encoding="utf-8"))
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
        large=frozenset(" ".join(words_of(name)) for name in raw["large"]),
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
    gazetteer.common |= {" ".join(words_of(name)) for name in row.get("common", ())}
    common = {key_of(name) for name in row.get("common", ())}
    creoles = [name for language in CREOLES for name in row.get(language, ())]
    for written in dict.fromkeys((row["name"], *row.get("also", ()), *creoles, *row.get("misspelled", ()))):
        for key in _spellings(written):
            gazetteer.names[key] = place
            if key not in common and len(key) >= NEAR_FROM and not key.startswith(SHORT_SAINTS):
                gazetteer.near.setdefault((key[0], len(key)), []).append((key, len(words_of(written))))
        _learn_sound(gazetteer, tuple(words_of(written)), place, bool(common), creole=written in creoles)


def _learn_sound(gazetteer: Gazetteer, words: tuple[str, ...], place: Place, common: bool, *, creole: bool) -> None:
    """The sounds of one spelling. As with spellings, a settlement says more than the parish of the same name."""
    for key in sorted(places_sound.keys(words, creole=creole)):
        known = gazetteer.heard.get(key)
        if known is None or known.place.kind == "parish":
            gazetteer.heard[key] = Sound(place, common or words[0] in SAINTS, len(words))
        gazetteer.heard_from |= {key[:end] for end in range(1, len(key) + 1)}
        bones = places_sound.skeleton(key)
        if len(bones) >= places_sound.SKELETON_FROM:
            gazetteer.half_heard.setdefault(bones, []).append(key)


def _spellings(written: str) -> set[str]:
    words = words_of(written)
    if words[0] not in {"saint", "sen"}:
        return {"".join(words)}
    return {saint + "".join(words[1:]) for saint in SAINTS}


def key_of(written: str) -> str:
    """A name as one folded word."""
    return "".join(words_of(written))
