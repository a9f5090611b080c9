"""What of the directory is public, as SQL. Whatever hangs only on something confidential is confidential too.

An organization, programme or location that is known only for confidential services gives them away by its name.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, true
from sqlalchemy.orm import aliased

from directory.models import (
    DirectoryContact,
    Location,
    Organization,
    Phone,
    Program,
    Service,
    ServiceAtLocation,
    ServiceCapacity,
    Unit,
)

Behind = aliased(Service, name="behind")


def service() -> ColumnElement[bool]:
    """A service that may be named."""
    return ~Service.confidential


def organization() -> ColumnElement[bool]:
    """An organization with a service that may be named, or with none at all."""
    return _known_for(Behind.organization_id == Organization.id, Organization)


def program() -> ColumnElement[bool]:
    """A programme, likewise."""
    return _known_for(Behind.program_id == Program.id, Program)


def _known_for(link: ColumnElement[bool], model: Any) -> ColumnElement[bool]:
    hidden = exists().where(link, Behind.confidential).correlate(model)
    return or_(exists().where(link, ~Behind.confidential).correlate(model), ~hidden)


def location(*, retired: bool = False) -> ColumnElement[bool]:
    """A location that is not confidential, and not only that of confidential services or of a hidden organization.

    `retired`: also one that its services have left.
    """
    at = exists().where(ServiceAtLocation.location_id == Location.id, Behind.id == ServiceAtLocation.service_id)
    known = at.where(~Behind.confidential, or_(literal(retired), _in_use())).correlate(Location)
    hidden = at.correlate(Location)  # only for a confidential service, or for none any more
    owner = exists().where(Organization.id == Location.organization_id, organization()).correlate(Location)
    return and_(~Location.confidential, or_(known, and_(~hidden, or_(Location.organization_id.is_(None), owner))))


def service_at_location() -> ColumnElement[bool]:
    """A service at a location that are both public. Its query must name ServiceAtLocation."""
    named = exists().where(Behind.id == ServiceAtLocation.service_id, ~Behind.confidential)
    told = exists().where(Location.id == ServiceAtLocation.location_id, location())
    return and_(_in_use(), named.correlate(ServiceAtLocation), told.correlate(ServiceAtLocation))


def unit() -> ColumnElement[bool]:
    """A unit that something public is counted in, or nothing at all."""
    counted = exists().where(ServiceCapacity.unit_id == Unit.id, Behind.id == ServiceCapacity.service_id)
    return or_(counted.where(~Behind.confidential).correlate(Unit), ~counted.correlate(Unit))


@cache
def hanging(model: Any, *, but: str = "") -> ColumnElement[bool]:
    """A row all of whose owners may be named: a number may be a clinic's and a refuge's. `but`: one known to be."""
    found: list[ColumnElement[bool]] = []
    for name, (owner, rule) in _OWNERS.items():
        key = getattr(model, name, None)
        if key is not None and name != but:
            found.append(or_(key.is_(None), exists().where(owner.id == key, rule()).correlate(model)))
    return and_(true(), *found)


_OWNERS: dict[str, tuple[Any, Callable[[], ColumnElement[bool]]]] = {
    "service_id": (Service, service),
    "organization_id": (Organization, organization),
    "location_id": (Location, lambda: location(retired=True)),
    "service_at_location_id": (ServiceAtLocation, service_at_location),
    "contact_id": (DirectoryContact, lambda: hanging(DirectoryContact)),
}


def _in_use() -> ColumnElement[bool]:
    return ServiceAtLocation.retired_on.is_(None)


def phone(*, unverified: bool) -> ColumnElement[bool]:
    """A number that may be told; one that nobody has verified only where it was asked for and is marked so."""
    return and_(
        ~Phone.confidential, Phone.retired_on.is_(None), or_(Phone.verified_on.is_not(None), literal(unverified))
    )
