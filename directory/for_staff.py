"""Services as staff choose them for a referral: confidential ones too, for who may see them. Nothing of this goes into
a reply; what is told to a texter comes from directory.search."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from directory import places
from directory.hsds import public
from directory.models import Location, Organization, Phone, Service, ServiceArea, ServiceAtLocation, ServiceNeed


@dataclass(frozen=True)
class Choice:
    """A service that may be chosen. `phones`: number, and whether somebody has verified it."""

    id: uuid.UUID
    name: str
    organization: str
    where: str
    confidential: bool
    national: bool
    alert: str
    phones: tuple[tuple[str, bool], ...]


def choices(
    session: Session, *, need: str = "", place: str = "", name: str = "", confidential: bool = False, limit: int = 12
) -> list[Choice]:
    """Active services that meet a need and have a name like this (an empty one: any), those that serve the place's
    parish first. Nothing asked for: nothing found."""
    name = name.replace("%", "").replace("_", " ").strip()
    if not (need or name):
        return []
    parish = _parish(place)
    query = select(Service.id).where(Service.status == "active")
    if not confidential:
        query = query.where(~Service.confidential)
    if need:
        meets = ServiceNeed.service_id == Service.id
        query = query.join(ServiceNeed, meets).where(ServiceNeed.need == need)
    if name:
        like = f"%{name}%"
        query = query.where(or_(Service.name.ilike(like), Service.alternate_name.ilike(like)))
    rank = ServiceNeed.rank if need else literal(0)
    near = case((Service.id.in_(_serving(parish)), 0), (Service.national, 1), else_=2) if parish else literal(0)
    ids = session.scalars(query.order_by(near, rank, Service.name).limit(limit)).all()
    return told(session, ids, confidential=confidential)


def _parish(place: str) -> str:
    """The parish of a settlement or parish, however it is written; nothing for an unknown one."""
    asked = place.strip().lower().replace("st.", "saint").replace("st ", "saint ").replace("  ", " ")
    known = {one.name.lower(): one.parish for one in places.all_places()}
    return {one.name.lower(): one.name for one in places.parishes()}.get(asked) or known.get(asked, "")


def _serving(parish: str) -> CompoundSelect[Any]:
    stands = (
        select(ServiceAtLocation.service_id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(ServiceAtLocation.retired_on.is_(None))
        .where(Location.parish == parish)
    )
    return stands.union(select(ServiceArea.service_id).where(ServiceArea.parish == parish))


def told(session: Session, ids: Sequence[uuid.UUID], *, confidential: bool = False) -> list[Choice]:
    """These services, in this order."""
    rows = session.execute(
        select(Service, Organization.name)
        .join(Organization, Organization.id == Service.organization_id)
        .where(Service.id.in_(ids), literal(True) if confidential else ~Service.confidential)
    ).all()
    phones = _phones(session, [one.id for one, _ in rows], confidential)
    made = {one.id: _choice(session, one, office, phones[one.id], confidential) for one, office in rows}
    return [made[one] for one in ids if one in made]


def _phones(session: Session, ids: Sequence[uuid.UUID], confidential: bool) -> dict[uuid.UUID, list[tuple[str, bool]]]:
    """The numbers of each service, and whether they are verified. One statement for all: what may be told is much to
    work out."""
    shown = literal(True) if confidential else and_(~Phone.confidential, public.hanging(Phone))
    at = and_(ServiceAtLocation.id == Phone.service_at_location_id, ServiceAtLocation.retired_on.is_(None))
    owner = func.coalesce(ServiceAtLocation.service_id, Phone.service_id)
    found = defaultdict[uuid.UUID, list[tuple[str, bool]]](list)
    query = select(owner, Phone.number, Phone.verified_on).outerjoin(ServiceAtLocation, at)
    for service, number, on in session.execute(
        query.where(owner.in_(ids), shown, Phone.retired_on.is_(None)).order_by(Phone.priority)
    ):
        found[service].append((number, on is not None))
    return found


def _choice(
    session: Session, one: Service, office: str, phones: Sequence[tuple[str, bool]], confidential: bool
) -> Choice:
    open_places = literal(True) if confidential else ~Location.confidential
    stands = session.execute(
        select(Location.place, Location.parish)
        .join(ServiceAtLocation, ServiceAtLocation.location_id == Location.id)
        .where(ServiceAtLocation.service_id == one.id, ServiceAtLocation.retired_on.is_(None), open_places)
        .limit(1)
    ).first()
    where = ", ".join(part for part in stands or () if part)
    numbers = tuple(dict.fromkeys(phones))
    return Choice(one.id, one.name, office, where, one.confidential, one.national, one.alert or "", numbers)
