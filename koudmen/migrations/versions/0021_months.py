"""a table for each month of messages; what came in once is known by a small table

Nothing is copied: the tables that are there become the first partitions, whatever they hold.

Revision: 0021, after: 0020
"""

from datetime import UTC

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

STEP = 1_000_000_000
REFERENCES = {
    "outbound_message": "fk_outbound_message_inbound_id",
    "unread_message": "fk_unread_message_inbound_id",
    "case_event": "fk_case_event_inbound_id",
    "consent": "fk_consent_inbound_id",
}
INBOUND = {
    "ix_inbound_message_waiting": "(conversation_id, id) WHERE handled_at IS NULL",
    "ix_inbound_message_waiting_order": "(id) WHERE handled_at IS NULL",
    "ix_inbound_message_conversation_id": "(conversation_id, id)",
}
OUTBOUND = {
    "ix_outbound_message_due": "(channel, lane, position) WHERE state = 'queued'",
    "ix_outbound_message_open": "(conversation_id, position) WHERE state IN ('queued', 'sending', 'unknown')",
    "ix_outbound_message_held": "(conversation_id) WHERE state = 'held'",
    "ix_outbound_message_claimed": "(claim_until) WHERE state = 'sending'",
    "ix_outbound_message_unknown": "(due_at) WHERE state = 'unknown'",
    "ix_outbound_message_conversation_id": "(conversation_id, position)",
    "ix_outbound_message_external_id": "(external_id)",
}
SPLIT = (
    ("inbound_message", "inbound_message_before", "id", INBOUND),
    ("outbound_message", "outbound_message_rest", "position", OUTBOUND),
)


def upgrade() -> None:
    for table, name in REFERENCES.items():
        op.drop_constraint(name, table, type_="foreignkey")
    op.create_table(
        "inbound_seen",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("provider", "external_id", name=op.f("pk_inbound_seen")),
    )
    op.create_index(op.f("ix_inbound_seen_at"), "inbound_seen", ["at"], unique=False)
    op.execute(
        "INSERT INTO inbound_seen (provider, external_id, at) SELECT provider, external_id, received_at "
        "FROM inbound_message WHERE received_at > now() - interval '40 days'"
    )
    op.drop_constraint("uq_inbound_message_provider_external_id", "inbound_message", type_="unique")
    op.drop_constraint("uq_outbound_message_inbound_id_seq", "outbound_message", type_="unique")
    op.create_index("ix_outbound_message_inbound_id", "outbound_message", ["inbound_id", "seq"], unique=False)
    for table, old, numbered, indexes in SPLIT:
        names = [*indexes, *(["ix_outbound_message_inbound_id"] if table == "outbound_message" else [])]
        _become_partition(table, old, numbered, names)
    first = _this_month() * STEP
    op.execute("CREATE TABLE inbound_message_rest PARTITION OF inbound_message DEFAULT")
    # Numbered by months already: this version was here before, and was taken back.
    op.execute(
        f"WITH late AS (DELETE FROM inbound_message_before WHERE id >= {first} RETURNING *) "
        "INSERT INTO inbound_message_rest SELECT * FROM late"
    )
    op.execute(
        f"ALTER TABLE inbound_message ATTACH PARTITION inbound_message_before FOR VALUES FROM (MINVALUE) TO ({first})"
    )
    op.execute("ALTER TABLE outbound_message ATTACH PARTITION outbound_message_rest DEFAULT")
    for _, old, _, indexes in SPLIT:
        for name, what in indexes.items():
            op.execute(f"CREATE INDEX {name} ON {old.rpartition('_')[0]} {what}")
    op.execute("CREATE INDEX ix_outbound_message_inbound_id ON outbound_message (inbound_id, seq)")


def _become_partition(table: str, old: str, numbered: str, indexes: list[str]) -> None:
    """Rename the table that is there, and make one of the same shape that has partitions."""
    sequence = f"{table}_{numbered}_seq"
    op.execute(f"ALTER TABLE {table} RENAME TO {old}")
    op.execute(f"ALTER TABLE {old} ALTER COLUMN {numbered} DROP IDENTITY")
    op.execute(f"CREATE SEQUENCE {sequence}")
    op.execute(f"SELECT setval('{sequence}', coalesce((SELECT max({numbered}) FROM {old}), 0) + 1, false)")
    op.execute(f"ALTER TABLE {old} ALTER COLUMN {numbered} SET DEFAULT nextval('{sequence}')")
    op.execute(f"ALTER TABLE {old} RENAME CONSTRAINT pk_{table} TO pk_{old}")
    op.execute(f"ALTER TABLE {old} RENAME CONSTRAINT fk_{table}_conversation_id TO fk_{old}_conversation_id")
    for name in indexes:
        op.execute(f"ALTER INDEX {name} RENAME TO {name.replace(table, old)}")
    op.execute(f"CREATE TABLE {table} (LIKE {old} INCLUDING DEFAULTS INCLUDING COMMENTS) PARTITION BY RANGE (id)")
    op.execute(f"ALTER SEQUENCE {sequence} OWNED BY {table}.{numbered}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id)")
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_conversation_id FOREIGN KEY (conversation_id) REFERENCES conversation (id)"
    )


def _this_month() -> int:
    """The first month that gets tables of its own. The sweeper makes them (koudmen/partitions.py)."""
    at = op.get_bind().execute(sa.text("SELECT now()")).scalar_one().astimezone(UTC)
    return int((at.year - 2000) * 12 + at.month - 1)


def downgrade() -> None:
    for table, _, numbered, indexes in SPLIT:
        _become_one(table, numbered, indexes)
    _as_it_must_be()
    op.create_unique_constraint("uq_outbound_message_inbound_id_seq", "outbound_message", ["inbound_id", "seq"])
    op.create_unique_constraint("uq_inbound_message_provider_external_id", "inbound_message", ["provider", "external_id"])
    op.drop_table("inbound_seen")
    for table, name in REFERENCES.items():
        op.create_foreign_key(name, table, "inbound_message", ["inbound_id"], ["id"])


def _as_it_must_be() -> None:
    """No row is lost for what the version before demands: one message under each of the carrier's ids, one reply at
    each place, and links to messages that are there. A month's messages may be gone while others tell of them."""
    op.execute(
        "UPDATE inbound_message AS m SET external_id = m.external_id || ' again ' || m.id FROM (SELECT id, row_number()"
        " OVER (PARTITION BY provider, external_id ORDER BY id) AS n FROM inbound_message) AS o"
        " WHERE o.id = m.id AND o.n > 1"
    )
    op.execute(
        "UPDATE outbound_message AS m SET inbound_id = NULL FROM (SELECT id, row_number()"
        " OVER (PARTITION BY inbound_id, seq ORDER BY position) AS n FROM outbound_message) AS o"
        " WHERE o.id = m.id AND o.n > 1 AND m.inbound_id IS NOT NULL"
    )
    gone = "NOT EXISTS (SELECT FROM inbound_message AS i WHERE i.id = t.inbound_id)"
    for table in REFERENCES:
        if table != "unread_message":
            op.execute(f"UPDATE {table} AS t SET inbound_id = NULL WHERE inbound_id IS NOT NULL AND {gone}")
    op.execute(f"DELETE FROM unread_message AS t WHERE {gone}")  # nothing is left to read


def _become_one(table: str, numbered: str, indexes: dict[str, str]) -> None:
    """One table again, with all that its partitions hold."""
    whole = f"{table}_whole"
    op.execute(f"CREATE TABLE {whole} (LIKE {table} INCLUDING COMMENTS)")
    op.execute(f"INSERT INTO {whole} SELECT * FROM {table}")
    for name, default in _defaults(table):
        if name != numbered:
            op.execute(f"ALTER TABLE {whole} ALTER COLUMN {name} SET DEFAULT {default}")
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {whole} RENAME TO {table}")
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {numbered} ADD GENERATED BY DEFAULT AS IDENTITY")
    op.execute(f"SELECT setval('{table}_{numbered}_seq', coalesce((SELECT max({numbered}) FROM {table}), 0) + 1, false)")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id)")
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_conversation_id FOREIGN KEY (conversation_id) REFERENCES conversation (id)"
    )
    for name, what in indexes.items():
        op.execute(f"CREATE INDEX {name} ON {table} {what}")


def _defaults(table: str) -> list[tuple[str, str]]:
    rows = op.get_bind().execute(
        sa.text("SELECT column_name, column_default FROM information_schema.columns WHERE table_name = :table AND column_default IS NOT NULL"),
        {"table": table},
    )
    return [(row[0], row[1]) for row in rows]
