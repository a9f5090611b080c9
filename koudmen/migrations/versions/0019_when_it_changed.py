"""a change of what hangs on a service or a location is a change of it: `modified_after` of the API relies on it

Revision: 0019, after: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# Table, and the columns by which its rows hang on a service or a location. A number has a moment of its own.
HANGING = {
    "service_need": "service_id",
    "service_at_location": "service_id",
    "service_area": "service_id service_at_location_id",
    "schedule": "service_id location_id service_at_location_id",
    "language": "service_id location_id",
    "cost_option": "service_id",
    "required_document": "service_id",
    "directory_contact": "service_id location_id service_at_location_id",
    "url": "service_id",
    "funding": "service_id",
    "service_capacity": "service_id",
    "location_address": "location_id",
    "accessibility": "location_id",
    "attribute": "link_id",
}
EVENTS = {"INSERT": "NEW TABLE AS changed", "UPDATE": "NEW TABLE AS changed", "DELETE": "OLD TABLE AS changed"}
# Rows that this transaction has made or touched already are left alone: an import of a whole directory costs nothing.
FUNCTION = """
CREATE FUNCTION directory_touched() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE link text;
BEGIN
  FOREACH link IN ARRAY TG_ARGV LOOP
    IF link IN ('service_id', 'link_id') THEN
      EXECUTE format('UPDATE service SET updated_at = now() WHERE updated_at < now()'
        ' AND id IN (SELECT %I FROM changed)', link);
    ELSIF link = 'service_at_location_id' THEN
      UPDATE service SET updated_at = now() WHERE updated_at < now() AND id IN (
        SELECT s.service_id FROM service_at_location s JOIN changed c ON s.id = c.service_at_location_id);
    END IF;
    IF link IN ('location_id', 'link_id') THEN
      EXECUTE format('UPDATE location SET updated_at = now() WHERE updated_at < now()'
        ' AND id IN (SELECT %I FROM changed)', link);
    END IF;
  END LOOP;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(FUNCTION)
    for table, links in HANGING.items():
        given = ", ".join(f"'{link}'" for link in links.split())
        for event, rows in EVENTS.items():
            op.execute(
                f"CREATE TRIGGER touched_by_{event.lower()} AFTER {event} ON {table} REFERENCING {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION directory_touched({given})"
            )


def downgrade() -> None:
    for table in HANGING:
        for event in EVENTS:
            op.execute(f"DROP TRIGGER touched_by_{event.lower()} ON {table}")
    op.execute("DROP FUNCTION directory_touched()")
