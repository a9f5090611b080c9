"""What is told of a service, read from the database. Nothing confidential leaves it: no service, place or phone."""

import uuid
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    Subquery,
    Uuid,
    all_,
    and_,
    bindparam,
    column,
    distinct,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from directory.found import Number
from directory.hours import OpenDays, weekly
from directory.index import Entry, Index
from directory.models import (
    Location,
    LocationAddress,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceAtLocation,
    ServiceText,
    SpokenLanguage,
)
from directory.openings import NAMES, Opens

TRANSLATED = ("name", "alert")  # what a reply has of a service's texts
DEMO = bindparam("demo", type_=Boolean)
SERVICES, ATS, HIDDEN = (bindparam(name, type_=ARRAY(Uuid)) for name in ("services", "ats", "hidden_phones"))


Told = tuple[uuid.UUID, uuid.UUID | None]  # a service, and the link to its place
MOST_KEPT = 5000  # some 3 KB each


class Known:
    """A row, with what of it is the same for everybody who asks."""

    __slots__ = ("_week", "documents", "phones", "row", "schedules", "speaks", "unverified")

    def __init__(self, row: Row[Any]) -> None:
        phones = row.phones or ()
        self.row = row
        self.phones = tuple(_number(phone) for phone in phones if phone["verified"])
        self.unverified = len(self.phones) < len(phones)
        self.schedules = tuple(Opens.read(schedule) for schedule in row.schedules or ())
        self.speaks = tuple(sorted(row.languages or ()))
        self.documents = tuple(row.documents or ())
        self._week: tuple[date, tuple[OpenDays, ...]] | None = None

    def week(self, day: date) -> tuple[OpenDays, ...]:
        """The opening hours valid on a day."""
        if self._week is None or self._week[0] != day:
            self._week = day, weekly(self.schedules, day)
        return self._week[1]


def _number(phone: dict[str, Any]) -> Number:
    return Number(phone["number"], phone["channel"], phone["description"], phone["toll_free"], uuid.UUID(phone["id"]))


def known(session: Session, index: Index, entries: Sequence[Entry], *, demo: bool) -> dict[Told, Known]:
    """What may be told of each entry now. One that may not be told any more is left out. `index` is the transaction's
    own: what was read before is as true as that."""
    asked = dict.fromkeys((entry.service, entry.at) for entry in entries)
    found = {key: index.told[demo, *key] for key in asked if (demo, *key) in index.told}
    if missing := [key for key in asked if key not in found]:
        read = _read(session, missing, index.hidden_phones, demo=demo)
        found.update({key: read.get(key) for key in missing})
        if len(index.told) > MOST_KEPT:
            index.told = {}
        index.told |= {(demo, *key): found[key] for key in missing}
    return {key: one for key, one in found.items() if one}


def _read(session: Session, wanted: Sequence[Told], hidden: frozenset[uuid.UUID], *, demo: bool) -> dict[Told, Known]:
    services, ats = [service for service, _ in wanted], [at for _, at in wanted]
    values = {"services": services, "ats": ats, "hidden_phones": list(hidden), "demo": demo}
    return {(row.id, row.asked_at): Known(row) for row in session.execute(_statement(), values)}


@cache
def _statement() -> Select[Any]:
    """Built once: putting the statement together costs more than running it."""
    asked = func.unnest(SERVICES, ATS).table_valued(column("service", Uuid), column("at", Uuid)).render_derived("asked")
    at_id, place_told = asked.c.at, ~func.coalesce(Location.confidential, literal(False))
    best = (
        select(
            Service.id,
            Service.name,
            Organization.name.label("organization"),
            Service.audience,
            Service.open_to_migrants,
            Service.national,
            Service.eligibility_description,
            Service.fees_description,
            Service.alert,
            Location.id.label("location_id"),
            Location.parish,
            Location.place,
            Location.place_confirmed,
            ServiceAtLocation.id.label("at_id"),
            at_id.label("asked_at"),
        )
        .join(asked, asked.c.service == Service.id)
        .join(Organization, Organization.id == Service.organization_id)
        .outerjoin(ServiceAtLocation, and_(ServiceAtLocation.id == at_id, ServiceAtLocation.service_id == Service.id))
        .outerjoin(Location, Location.id == ServiceAtLocation.location_id)
        .where(Service.status == "active", ~Service.confidential, place_told, ServiceAtLocation.retired_on.is_(None))
        .subquery("best")
    )
    return _with_details(best)


def is_verified() -> ColumnElement[bool]:
    """A named person dialled it. A number verified for the demo counts only where nobody real is texting."""
    return or_(Phone.verified_on.is_not(None), and_(Phone.demo, DEMO))


def _with_details(best: Subquery) -> Select[Any]:
    address = (
        select(LocationAddress.address_1)
        .where(LocationAddress.location_id == best.c.location_id)
        .order_by(LocationAddress.id)
        .limit(1)
    )
    documents = select(func.json_agg(RequiredDocument.document)).where(RequiredDocument.service_id == best.c.id)
    languages = select(func.json_agg(distinct(SpokenLanguage.code))).where(*_ours(SpokenLanguage, best))
    said = func.json_build_array(ServiceText.field, ServiceText.language, ServiceText.text)
    texts = select(func.json_agg(said)).where(
        ServiceText.service_id == best.c.id, ServiceText.state == "reviewed", ServiceText.field.in_(TRANSLATED)
    )
    return select(
        best,
        texts.scalar_subquery().label("texts"),
        address.scalar_subquery().label("address"),
        _phones(best).label("phones"),
        _schedules(best).label("schedules"),
        languages.scalar_subquery().label("languages"),
        documents.scalar_subquery().label("documents"),
    )


def _phones(best: Subquery) -> ScalarSelect[Any]:
    fields = func.json_build_object(
        "id", Phone.id, "number", Phone.number, "channel", Phone.channel, "description", Phone.description,
        "toll_free", Phone.toll_free, "verified", is_verified(),
    )  # fmt: skip
    agg = func.json_agg(aggregate_order_by(fields, Phone.priority, Phone.number))
    told = (~Phone.confidential, Phone.retired_on.is_(None), Phone.id != all_(HIDDEN))
    return select(agg).where(*_ours(Phone, best), *told).scalar_subquery()


def _ours(model: Any, best: Subquery) -> tuple[ColumnElement[bool], ...]:
    """What hangs on the service, its place or its being there, and not on another service at the same place as well."""
    service, at = model.service_id, getattr(model, "service_at_location_id", None)
    ours, another = [service == best.c.id, model.location_id == best.c.location_id], [service != best.c.id]
    if at is not None:
        ours.append(at == best.c.at_id)
        another.append(and_(at.is_not(None), at.is_distinct_from(best.c.at_id)))
    return or_(*ours), ~or_(*(func.coalesce(one, literal(False)) for one in another))


def _schedules(best: Subquery) -> ScalarSelect[Any]:
    pairs = [part for name in NAMES for part in (literal(name), getattr(Schedule, name))]
    return select(func.json_agg(func.json_build_object(*pairs))).where(*_ours(Schedule, best)).scalar_subquery()
