"""What is asked of the directory, and what it answers. Frozen values, without the database."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from directory.hours import OpenDays


@dataclass(frozen=True, slots=True)
class Query:
    """A search. `needs` are codes of the taxonomy, the first weighs as the others.

    `parish` and `place` are names of the gazetteer; `latitude` and `longitude` are where the person stands (degrees),
    when they shared it; `language` is BCP 47; `at` is the instant "open" is asked for (aware; None: opening hours do
    not count); `audience` holds who the person is (women, men, children, youth, elderly, disability, migrants), `age`
    is in years; `by_phone`: they cannot travel; `access`: they need a way in without steps; `free`: they cannot pay;
    `demo_numbers` lets numbers through that are verified for the demo only.
    """

    needs: tuple[str, ...]
    parish: str | None = None
    place: str | None = None
    language: str | None = None
    no_papers: bool = False
    at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    audience: frozenset[str] = frozenset()
    age: int | None = None
    by_phone: bool = False
    access: bool = False
    free: bool = False
    limit: int = 9
    demo_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A verified number. `channel` is voice, sms or whatsapp; `id` is its row's."""

    number: str
    channel: str = "voice"
    description: str | None = None
    toll_free: bool = False
    id: uuid.UUID | None = None

    def __str__(self) -> str:
        return self.number


class Found(NamedTuple):
    """A service as a texter may see it: nothing confidential is in it and no number that nobody verified.

    `hours` empty means unknown ("call first"), `open_now` None likewise. `place` and `parish` are None for a service
    that is not at a place, or whose place is not known or not told; `place_confirmed` False: the town is assumed.
    `texts` are reviewed translations: field, language, text. `distance_km` is told when the person shared where they
    stand. `reasons` say why it is in the list and at this place in it; they are codes, in the order in which they
    weighed (docs/ranking.md): need:X, part:X, also:X, missing:X,
    instead:X (nothing meets X), refers (it stands for a service that is not named), for:X, particular:X, not_for_you,
    same_place, near, same_parish, serves_parish, national, neighbour_parish, elsewhere, no_way_to_reach,
    open_to_migrants, migrants_unknown, asks_papers, not_open_to_migrants, by_phone, no_phone, accessible,
    access_unknown, free, fee, fee_unknown, verified, unverified, open, closed, hours_unknown, speaks:X.
    """

    service_id: uuid.UUID
    name: str
    organization: str
    place: str | None
    place_confirmed: bool
    parish: str | None
    address: str | None
    phones: tuple[Number, ...]
    has_unverified_phone: bool
    hours: tuple[OpenDays, ...]
    open_now: bool | None
    open_to_migrants: str
    speaks: tuple[str, ...]
    national: bool
    eligibility: str | None
    documents: tuple[str, ...]
    fees: str | None
    alert: str | None
    distance_km: float | None
    reasons: tuple[str, ...]
    texts: tuple[tuple[str, str, str], ...] = ()

    def said(self, field: str, language: str | None) -> str:
        """A text (name, alert) in a language, where a speaker has reviewed it; else as it was written."""
        known = {(name, code): text for name, code, text in self.texts}
        return known.get((field, language or "")) or getattr(self, field) or ""

    @property
    def hours_text(self) -> str:
        """`known` or `unknown`, for a template to choose by."""
        return "known" if self.hours else "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search comes to.

    `outcome` is found (something in the place asked for, or national, that a person can reach), elsewhere (only further
    away) or none. With none, `found` holds the nearest alternatives for a need close to it, or nothing. Whatever is not
    `found` is an unmet need: who asks records it.
    """

    found: tuple[Found, ...]
    outcome: str
