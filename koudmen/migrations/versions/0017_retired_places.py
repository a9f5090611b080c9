"""a place of a service is retired; deleted rows are found in the history

Revision: 0017, after: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None

DELETED = sa.text("last_action_type = 'delete'")


def upgrade() -> None:
    op.add_column("service_at_location", sa.Column("retired_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_directory_metadata_deleted", "directory_metadata", ["sequence"], unique=False, postgresql_where=DELETED
    )


def downgrade() -> None:
    op.drop_index("ix_directory_metadata_deleted", table_name="directory_metadata", postgresql_where=DELETED)
    op.drop_column("service_at_location", "retired_on")
