"""Tables of the directory, shaped like HSDS 3.1 with the Dominica profile. One module for each noun."""

from directory.freshness import DirectoryChange
from directory.models.capacity import ServiceCapacity, Unit
from directory.models.location import Accessibility, Location, LocationAddress, ServiceAtLocation
from directory.models.organization import (
    DirectoryContact,
    Funding,
    Organization,
    OrganizationIdentifier,
    OrganizationName,
    Program,
    Url,
)
from directory.models.reach import Phone, Schedule, SpokenLanguage
from directory.models.service import (
    CostOption,
    RequiredDocument,
    Service,
    ServiceArea,
    ServiceNeed,
    ServiceText,
)
from directory.models.taxonomy import Attribute, Taxonomy, TaxonomyTerm
from directory.models.upkeep import CheckTask, FieldChange, GivenOut, SeedRow

__all__ = [
    "Accessibility",
    "Attribute",
    "CheckTask",
    "CostOption",
    "DirectoryChange",
    "DirectoryContact",
    "FieldChange",
    "Funding",
    "GivenOut",
    "Location",
    "LocationAddress",
    "Organization",
    "OrganizationIdentifier",
    "OrganizationName",
    "Phone",
    "Program",
    "RequiredDocument",
    "Schedule",
    "SeedRow",
    "Service",
    "ServiceArea",
    "ServiceAtLocation",
    "ServiceCapacity",
    "ServiceNeed",
    "ServiceText",
    "SpokenLanguage",
    "Taxonomy",
    "TaxonomyTerm",
    "Unit",
    "Url",
]
