"""The search as SQL. Nothing confidential leaves the database: no service, location or phone that is marked so."""

import uuid
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from typing import Any, Self

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    String,
    Subquery,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    distinct,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on
from sqlalchemy.orm import aliased

from directory import places
from directory.found import Query
from directory.models import (
    Location,
    LocationAddress,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
    SpokenLanguage,
)
from directory.ranking import Where

CANDIDATES = 40
NEEDS, NEAR = bindparam("needs", type_=ARRAY(String)), bindparam("near", type_=ARRAY(String))
PARISH, PLACE = bindparam("parish", type_=String), bindparam("place", type_=String)
NO_PAPERS, DEMO = bindparam("no_papers", type_=Boolean), bindparam("demo", type_=Boolean)
SERVICE_ID, MOST = bindparam("service_id", type_=Uuid), bindparam("most", type_=Integer)
Shown = aliased(Service, name="shown")


@dataclass(frozen=True, slots=True)
class Opens:
    """A schedule as it comes out of the search."""

    freq: str
    interval: int
    on_holidays: str
    valid_from: date | None = None
    valid_to: date | None = None
    dtstart: date | None = None
    until: date | None = None
    count: int | None = None
    wkst: str | None = None
    byday: str | None = None
    bymonthday: str | None = None
    byweekno: str | None = None
    byyearday: str | None = None
    opens_at: time | None = None
    closes_at: time | None = None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """From the database's JSON."""
        dates = {k: row[k] and date.fromisoformat(row[k]) for k in ("valid_from", "valid_to", "dtstart", "until")}
        times = {k: row[k] and time.fromisoformat(row[k]) for k in ("opens_at", "closes_at")}
        return cls(**{**row, **dates, **times})


def candidates(query: Query) -> tuple[Select[Any], dict[str, Any]]:
    """The services worth weighing for a query, with all that a reply needs of each, and the statement's values."""
    return _for_needs(), {"needs": list(query.needs), **_values(query)}


def one(service_id: uuid.UUID, query: Query) -> tuple[Select[Any], dict[str, Any]]:
    """The same for one service."""
    return _for_one(), {"service_id": service_id, **_values(query)}


def _values(query: Query) -> dict[str, Any]:
    return {
        "parish": query.parish,
        "place": query.place,
        "near": list(places.neighbours(query.parish)) if query.parish else [],
        "no_papers": query.no_papers,
        "demo": query.demo_numbers,
        "most": max(CANDIDATES, query.limit),
    }


@cache
def _for_needs() -> Select[Any]:
    """Built once: putting the statement together costs more than running it."""
    matched = _matched().join(ServiceNeed, ServiceNeed.service_id == Service.id)
    return _with_details(_best(_located(matched.where(ServiceNeed.need == any_(NEEDS)).subquery("matched"))))


@cache
def _for_one() -> Select[Any]:
    matched = _matched().outerjoin(ServiceNeed, ServiceNeed.service_id == Service.id)
    return _with_details(_best(_located(matched.where(Service.id == SERVICE_ID).subquery("matched"))))


def _matched() -> Select[Any]:
    """Ids of services to show. A confidential one gives its place to the office that refers to it, or to nobody."""
    shown = case((Service.confidential, Service.referred_by_id), else_=Service.id)
    return (
        select(
            shown.label("id"),
            func.count(distinct(ServiceNeed.need)).label("hits"),
            func.min(ServiceNeed.rank).label("also"),
            func.bool_or(Service.confidential).label("refers"),
            func.array_agg(distinct(ServiceNeed.need)).label("needs"),
        )
        .where(Service.status == "active")
        .group_by(shown)
    )


def _located(matched: Subquery) -> Subquery:
    """Each service once, at its best place for the query."""
    where = _where()
    same_place = func.coalesce(Location.place == PLACE, literal(False))
    return (
        select(
            Shown.id,
            Shown.name,
            Organization.name.label("organization"),
            Shown.audience,
            Shown.open_to_migrants,
            Shown.national,
            Shown.eligibility_description,
            Shown.fees_description,
            Shown.alert,
            matched.c.hits,
            matched.c.also,
            matched.c.refers,
            matched.c.needs,
            Location.id.label("location_id"),
            Location.parish,
            Location.place,
            Location.place_confirmed,
            Location.latitude,
            Location.longitude,
            ServiceAtLocation.id.label("at_id"),
            where.label("where_"),
            _has_verified().label("verified"),
        )
        .join(matched, matched.c.id == Shown.id)
        .join(Organization, Organization.id == Shown.organization_id)
        .outerjoin(
            ServiceAtLocation,
            and_(
                ServiceAtLocation.service_id == Shown.id,
                exists()
                .where(Location.id == ServiceAtLocation.location_id, ~Location.confidential)
                .correlate(ServiceAtLocation),
            ),
        )
        .outerjoin(Location, Location.id == ServiceAtLocation.location_id)
        .where(Shown.status == "active", ~Shown.confidential)
        .where(or_(~NO_PAPERS, Shown.open_to_migrants != "no"))
        .ext(distinct_on(Shown.id))
        .order_by(Shown.id, where, cast(same_place, Integer).desc(), Location.id)
        .subquery("located")
    )


def _where() -> ColumnElement[int]:
    """The `Where` of a service and location against the parish asked for."""
    serves = exists().where(ServiceArea.service_id == Shown.id, ServiceArea.parish == PARISH).correlate(Shown)
    return case(
        (or_(PARISH.is_(None), Location.parish == PARISH, serves), int(Where.here)),
        (or_(Shown.national, Location.parish.is_(None)), int(Where.national)),
        (Location.parish == any_(NEAR), int(Where.neighbour)),
        else_=int(Where.elsewhere),
    )


def _is_verified() -> ColumnElement[bool]:
    """A named person dialled it. A number verified for the demo counts only where nobody real is texting."""
    return or_(Phone.verified_on.is_not(None), and_(Phone.demo, DEMO))


def _has_verified() -> ColumnElement[bool]:
    public = and_(~Phone.confidential, _is_verified())
    return or_(
        exists().where(Phone.service_id == Shown.id, public).correlate(Shown),
        exists().where(Phone.location_id == Location.id, public).correlate(Location),
        exists().where(Phone.service_at_location_id == ServiceAtLocation.id, public).correlate(ServiceAtLocation),
    )


def _best(located: Subquery) -> Subquery:
    c = located.c
    out_of_reach = and_(c.parish.is_(None), ~c.verified)
    return (
        select(located)
        .order_by(c.hits.desc(), out_of_reach, c.where_, c.also, c.verified.desc(), c.name, c.id)
        .limit(MOST)
        .subquery("best")
    )


def _with_details(best: Subquery) -> Select[Any]:
    address = (
        select(LocationAddress.address_1)
        .where(LocationAddress.location_id == best.c.location_id)
        .order_by(LocationAddress.id)
        .limit(1)
    )
    documents = select(func.json_agg(RequiredDocument.document)).where(RequiredDocument.service_id == best.c.id)
    languages = select(func.json_agg(distinct(SpokenLanguage.code))).where(
        or_(SpokenLanguage.service_id == best.c.id, SpokenLanguage.location_id == best.c.location_id)
    )
    return select(
        best,
        address.scalar_subquery().label("address"),
        _phones(best).label("phones"),
        _schedules(best).label("schedules"),
        languages.scalar_subquery().label("languages"),
        documents.scalar_subquery().label("documents"),
    )


def _phones(best: Subquery) -> ScalarSelect[Any]:
    fields = func.json_build_object(
        "number", Phone.number, "channel", Phone.channel, "description", Phone.description,
        "toll_free", Phone.toll_free, "verified", _is_verified(),
    )  # fmt: skip
    ours = or_(
        Phone.service_id == best.c.id,
        Phone.location_id == best.c.location_id,
        Phone.service_at_location_id == best.c.at_id,
    )
    agg = func.json_agg(aggregate_order_by(fields, Phone.priority, Phone.number))
    return select(agg).where(ours, ~Phone.confidential).scalar_subquery()


def _schedules(best: Subquery) -> ScalarSelect[Any]:
    names = [name for name in Opens.__slots__ if name != "__weakref__"]
    pairs = [part for name in names for part in (literal(name), getattr(Schedule, name))]
    ours = or_(
        Schedule.service_id == best.c.id,
        Schedule.location_id == best.c.location_id,
        Schedule.service_at_location_id == best.c.at_id,
    )
    return select(func.json_agg(func.json_build_object(*pairs))).where(ours).scalar_subquery()
