"""a change of whatever is told with a service is a change of it (`modified_after` of the API relies on it); two tables
more that the search is told about

Revision: 0019, after: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# What a changed row touches, by what links it: (table, ids). An organization and a place touch their services in turn,
# the organization first, so that two who change both wait for each other in one order.
_SITES = (
    "SELECT s.service_id FROM service_at_location s JOIN location l ON l.id = s.location_id AND NOT l.confidential"
    " WHERE s.id IN ({})"
)
_OF_CONTACTS = "FROM directory_contact WHERE id IN (SELECT contact_id FROM {rows})"
_TERMS = (
    "SELECT a.link_id FROM attribute a JOIN taxonomy_term t ON t.id = a.taxonomy_term_id"
    " WHERE t.id IN (SELECT id FROM {rows}) OR t.taxonomy_id IN (SELECT id FROM {rows})"
)


def _anything(ids: str) -> tuple[tuple[str, str], ...]:
    """An attribute may hang on any of these."""
    return (("organization", ids), ("location", ids), ("service", ids), ("service", _SITES.format(ids)))


TOUCHED: dict[str, tuple[tuple[str, str], ...]] = {
    "organization_id": (("organization", "SELECT organization_id FROM {rows}"),),
    "location_id": (("location", "SELECT location_id FROM {rows}"),),
    "contact_id": (
        *((table, f"SELECT {table}_id {_OF_CONTACTS}") for table in ("organization", "location", "service")),
        ("service", _SITES.format(f"SELECT service_at_location_id {_OF_CONTACTS}")),
    ),
    "link_id": _anything("SELECT link_id FROM {rows}"),
    "term": _anything(_TERMS),
    "service_id": (("service", "SELECT service_id FROM {rows}"),),
    "service_at_location_id": (("service", _SITES.format("SELECT service_at_location_id FROM {rows}")),),
    "offers": (("service", "SELECT id FROM service WHERE organization_id IN (SELECT id FROM {rows})"),),
    "houses": (
        ("service", "SELECT service_id FROM service_at_location WHERE location_id IN (SELECT id FROM {rows})"),
    ),
    "gathers": (("service", "SELECT id FROM service WHERE program_id IN (SELECT id FROM {rows})"),),
    "counts": (("service", "SELECT service_id FROM service_capacity WHERE unit_id IN (SELECT id FROM {rows})"),),
}
HANGING = {
    "organization": "offers",
    "organization_identifier": "organization_id",
    "program": "organization_id gathers",
    "location": "organization_id houses",
    "location_address": "location_id",
    "accessibility": "location_id",
    "service_at_location": "service_id",
    "service_need": "service_id",
    "service_area": "service_id service_at_location_id",
    "schedule": "location_id service_id service_at_location_id",
    "language": "location_id service_id",
    "cost_option": "service_id",
    "required_document": "service_id",
    "directory_contact": "organization_id location_id service_id service_at_location_id",
    "phone": "organization_id location_id contact_id service_id service_at_location_id",
    "url": "organization_id service_id",
    "funding": "organization_id service_id",
    "unit": "counts",
    "service_capacity": "service_id",
    "taxonomy": "term",
    "taxonomy_term": "term",
    "attribute": "link_id",
}
TOLD = {"location": "(SELECT * FROM changed WHERE NOT confidential) AS told",
        "phone": "(SELECT * FROM changed WHERE NOT confidential) AS told"}  # fmt: skip
TRIGGERS = {  # a row that moves touches what it leaves and where it comes to
    "touched_by_insert": ("INSERT", "NEW"),
    "touched_by_update": ("UPDATE", "NEW"),
    "touched_before_update": ("UPDATE", "OLD"),
    "touched_by_delete": ("DELETE", "OLD"),
}
WOKEN = ("service_text", "location_address", "directory_contact")


def _function(table: str) -> str:
    """Rows that this transaction has made or touched already are left alone: an import of a whole directory costs
    little."""
    statements = [
        f"UPDATE {owner} SET updated_at = now() WHERE updated_at < now() AND id IN ({ids});"  # noqa: S608 - our own names
        for link in HANGING[table].split()
        for owner, ids in TOUCHED[link]
    ]
    body = "\n".join(statements).replace("{rows}", TOLD.get(table, "changed"))
    return (
        f"CREATE FUNCTION {table}_touches() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n{body}\nRETURN NULL;\nEND $$"
    )


def upgrade() -> None:
    for table in HANGING:
        op.execute(_function(table))
        for name, (event, rows) in TRIGGERS.items():
            op.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_touches()"
            )
    for table in WOKEN:
        op.execute(
            f"CREATE TRIGGER directory_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION directory_changed()"
        )


def downgrade() -> None:
    for table in WOKEN:
        op.execute(f"DROP TRIGGER directory_changed ON {table}")
    for table in HANGING:
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {table}_touches()")
