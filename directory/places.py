"""The places of Dominica, and which of them a text names. No database: the gazetteer is `data/places.yml`."""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz.distance import OSA

GAZETTEER = Path(__file__).parent / "data" / "places.yml"
SAINTS = ("saint", "st", "sen", "sent", "sint", "ste")
SHORT_SAINTS = ("st", "sen", "sint")  # too short to be guessed at: "stand me" is not Saint Andrew
LONGEST_NAME = 4  # words
JOINED_FROM = 6  # letters; shorter names are not found across a space
FUZZY_FROM = 7  # letters; shorter words are never guessed at...
FUZZY_LED_FROM = 6  # ...except after a word of place, or as the whole message
MOST_WORDS = 120  # an SMS has fewer; the rest of a longer text is not read
TWO_FAULTS_FROM = 10  # letters
SURE = 100.0


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


@dataclass(frozen=True, slots=True)
class Parish:
    """One of the ten parishes, with those that share a border with it."""

    name: str
    iso: str
    capital: str
    neighbours: tuple[str, ...]


@dataclass(slots=True)
class _Gazetteer:
    """Names without spaces -> place. `common` names need a word of place before them."""

    places: tuple[Place, ...]
    parishes: tuple[Parish, ...]
    districts: tuple[str, ...]
    place_words: frozenset[str]
    not_places: frozenset[str]
    by_name: dict[str, Place] = field(default_factory=dict)
    names: dict[str, Place] = field(default_factory=dict)
    common: set[str] = field(default_factory=set)
    near: dict[tuple[str, int], list[tuple[str, int]]] = field(default_factory=dict)  # (name, words in it)


def find_place(normalised_text: str) -> Place | None:
    """The place a text names, or None.

    Takes the text in lower case without accents (other text is folded first). An exact name wins over a misspelled
    one, a name after a word of place ("in", "nan") over one that stands alone, then the longer, then the earlier.
    """
    words = _words(normalised_text)
    if not words:
        return None
    gazetteer = _gazetteer()
    return _exact(words, gazetteer) or _misspelled(words, gazetteer)


def all_places() -> tuple[Place, ...]:
    """Every settlement of the gazetteer."""
    return _gazetteer().places


def parishes() -> tuple[Parish, ...]:
    """The ten parishes."""
    return _gazetteer().parishes


def health_districts() -> tuple[str, ...]:
    """The seven health districts (they are not the parishes)."""
    return _gazetteer().districts


def neighbours(parish: str) -> tuple[str, ...]:
    """The parishes that border on `parish`; none for an unknown name."""
    return next((p.neighbours for p in parishes() if p.name == parish), ())


def place_named(name: str) -> Place | None:
    """The settlement with exactly this name, as written in the gazetteer."""
    return _gazetteer().by_name.get(name)


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


def fold(text: str) -> str:
    """Lower case, without accents."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", fold(text).replace("'s", "s"))[:MOST_WORDS]


def _exact(words: list[str], gazetteer: _Gazetteer) -> Place | None:
    best: tuple[tuple[bool, int, int], Place] | None = None
    for start, size, key in _grams(words):
        place = gazetteer.names.get(key)
        if place is None or (size > 1 and len(key) < JOINED_FROM):
            continue
        led = start > 0 and words[start - 1] in gazetteer.place_words
        if key in gazetteer.common and not led and size < len(words):
            continue
        rank = (led, len(key), -start)
        if best is None or rank > best[0]:
            best = (rank, place)
    return best[1] if best else None


def _misspelled(words: list[str], gazetteer: _Gazetteer) -> Place | None:
    best: tuple[float, Place] | None = None
    for start, size, key in _grams(words):
        led = size == len(words) or (start > 0 and words[start - 1] in gazetteer.place_words)
        if len(key) < (FUZZY_LED_FROM if led else FUZZY_FROM) or key in gazetteer.not_places:
            continue
        for name, faults in _close(key, size, gazetteer):
            score = SURE * (1 - faults / len(name)) - 1
            if best is None or score > best[0]:
                best = (score, gazetteer.names[name])
    return None if best is None else _scored(best[1], round(best[0], 1))


def _close(key: str, size: int, gazetteer: _Gazetteer) -> Iterator[tuple[str, int]]:
    """Names with the same first letter that are one slip away (two in a long name)."""
    allowed = 2 if len(key) >= TWO_FAULTS_FROM else 1
    for length in range(len(key) - allowed, len(key) + allowed + 1):
        for name, words in gazetteer.near.get((key[0], length), ()):
            if size not in {1, words}:
                continue
            faults = OSA.distance(key, name, score_cutoff=allowed)
            if faults <= allowed:
                yield name, faults


def _grams(words: list[str]) -> Iterator[tuple[int, int, str]]:
    for start in range(len(words)):
        for size in range(1, min(LONGEST_NAME, len(words) - start) + 1):
            yield start, size, "".join(words[start : start + size])


def _scored(place: Place, score: float) -> Place:
    return Place(
        place.name, place.parish, place.kind, score, place.district, place.latitude, place.longitude,
        place.approximate, place.confirmed,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _gazetteer() -> _Gazetteer:
    raw = yaml.safe_load(GAZETTEER.read_text(encoding="utf-8"))
    gazetteer = _Gazetteer(
        places=tuple(_place(row) for row in raw["places"]),
        parishes=tuple(
            Parish(row["name"], row["iso"], row["capital"], tuple(row["neighbours"])) for row in raw["parishes"]
        ),
        districts=tuple(raw["health_districts"]),
        place_words=frozenset(fold(word) for word in raw["place_words"]),
        not_places=frozenset(fold(word) for word in raw["not_places"]),
    )
    for row in raw["parishes"]:
        _learn(gazetteer, row, Place(row["name"], row["name"], "parish"))
    for row, place in zip(raw["places"], gazetteer.places, strict=True):
        gazetteer.by_name[place.name] = place
        _learn(gazetteer, row, place)
    return gazetteer


def _place(row: dict[str, Any]) -> Place:
    latitude, longitude = row.get("at", (None, None))
    return Place(
        row["name"], row["parish"], row["kind"], SURE, row.get("district"), latitude, longitude,
        confirmed=not row.get("unconfirmed", False),
    )  # fmt: skip


def _learn(gazetteer: _Gazetteer, row: dict[str, Any], place: Place) -> None:
    """Add every spelling of a place. A settlement overwrites the parish of the same name: it says more."""
    common = {_key(name) for name in row.get("common", ())}
    for written in (row["name"], *row.get("also", ()), *row.get("creole", ()), *row.get("misspelled", ())):
        for key in _spellings(written):
            gazetteer.names[key] = place
            if key in common:
                gazetteer.common.add(key)
            elif len(key) >= FUZZY_LED_FROM and not key.startswith(SHORT_SAINTS):
                gazetteer.near.setdefault((key[0], len(key)), []).append((key, len(_words(written))))


def _spellings(written: str) -> set[str]:
    words = _words(written)
    if words[0] not in {"saint", "sen"}:
        return {"".join(words)}
    return {saint + "".join(words[1:]) for saint in SAINTS}


def _key(written: str) -> str:
    return "".join(_words(written))
