"""What may be in the directory twice: proposals for a person to decide on. Nothing is merged here."""

import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from rapidfuzz import fuzz
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from directory import models as m
from directory.hsds import public
from directory.places import fold

ALIKE = 90.0  # of 100, rapidfuzz token_sort_ratio: "Social Welfare Divison" and "Social Welfare Division" have 98
ALIKE_WITH_NUMBER = 75.0  # names of two services that have the same number
MOST_IN_BLOCK = 200  # names that share a word; a more common word says nothing ("office")
EMPTY_WORDS = {"the", "of", "and", "for", "ltd", "inc", "limited", "de", "dominica"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two rows that may be one. `table`: organization or service; `keep` has more in it; `score` of 100."""

    table: str
    keep: uuid.UUID
    other: uuid.UUID
    keep_name: str
    other_name: str
    why: str
    score: float

    def __str__(self) -> str:
        names = f"{self.keep_name!r} and {self.other_name!r}"
        return f"{self.table}: {names}: {self.why}\n  koudmen directory merge {self.keep} {self.other}"


def find(session: Session, *, confidential: bool = False) -> list[Proposal]:
    """All proposals, the surest first. Not about what is confidential, unless asked for."""
    found = [*_organizations(session, confidential=confidential), *_services(session, confidential=confidential)]
    return sorted(found, key=lambda one: (-one.score, one.table, one.keep_name, one.keep, one.other))


def _organizations(session: Session, *, confidential: bool) -> Iterator[Proposal]:
    offered = func.count(m.Service.id)
    rows = select(m.Organization.id, m.Organization.name, offered).outerjoin(
        m.Service, m.Service.organization_id == m.Organization.id
    )
    rows = rows if confidential else rows.where(public.organization())
    found = {key: (name, count) for key, name, count in session.execute(rows.group_by(m.Organization.id))}
    names = {key: name for key, (name, _) in found.items()}
    for one, other, score in _alike(names):
        keep, gone = sorted((one, other), key=lambda key: (-found[key][1], key))
        yield Proposal("organization", keep, gone, names[keep], names[gone], _spelled(score), score)


def _services(session: Session, *, confidential: bool) -> Iterator[Proposal]:
    rows = select(m.Service.id, m.Service.name, m.Service.organization_id).where(m.Service.status != "defunct")
    found = {row.id: row for row in session.execute(rows if confidential else rows.where(public.service()))}
    numbers = _numbers(session, found, confidential=confidential)
    pairs: dict[tuple[uuid.UUID, uuid.UUID], tuple[float, str]] = {}
    for one, other, score in _alike({key: row.name for key, row in found.items()}):
        if found[one].organization_id == found[other].organization_id:
            pairs[one, other] = score, f"of one organization, {_spelled(score)}"
    for number, keys in numbers.items():
        for one, other in combinations(sorted(keys), 2) if len(keys) <= MOST_IN_BLOCK else ():
            score = fuzz.token_sort_ratio(_plain(found[one].name), _plain(found[other].name))
            if score >= ALIKE_WITH_NUMBER and _same_digits(found[one].name, found[other].name):
                pairs[one, other] = max(score, 95.0), f"the same number {number}, {_spelled(score)}"
    for (keep, gone), (score, why) in pairs.items():
        yield Proposal("service", keep, gone, found[keep].name, found[gone].name, why, score)


def _numbers(session: Session, keys: Iterable[uuid.UUID], *, confidential: bool) -> Mapping[str, set[uuid.UUID]]:
    rows = select(m.Phone.service_id, m.Phone.number).where(m.Phone.service_id.is_not(None))
    numbers, known = defaultdict[str, set[uuid.UUID]](set), set(keys)
    for key, number in session.execute(rows if confidential else rows.where(~m.Phone.confidential)):
        if key in known:
            numbers[number].add(key)
    return numbers


def _alike(names: Mapping[uuid.UUID, str]) -> Iterator[tuple[uuid.UUID, uuid.UUID, float]]:
    """Pairs of names that are nearly the same; compared only where they share a word, or the beginning."""
    plain, blocks = {key: _plain(name) for key, name in names.items()}, defaultdict[str, list[uuid.UUID]](list)
    for key, name in plain.items():
        for word in {*name.split(), name[:5]}:
            blocks[word].append(key)
    seen = set[tuple[uuid.UUID, uuid.UUID]]()
    for keys in blocks.values():
        for one, other in combinations(sorted(keys), 2) if len(keys) <= MOST_IN_BLOCK else ():
            if (one, other) in seen or not _same_digits(plain[one], plain[other]):
                continue
            seen.add((one, other))
            score = fuzz.token_sort_ratio(plain[one], plain[other], score_cutoff=ALIKE)
            if score:
                yield one, other, score


def _plain(name: str) -> str:
    words = [word for word in re.findall(r"[a-z0-9]+", fold(name)) if word not in EMPTY_WORDS]
    return " ".join(sorted(words)) or fold(name)


def _same_digits(one: str, other: str) -> bool:
    """Clinic 1 and Clinic 2 are two."""
    return re.findall(r"\d+", one) == re.findall(r"\d+", other)


def _spelled(score: float) -> str:
    return "the same name" if score >= 100 else f"nearly the same name ({score:.0f} of 100)"
