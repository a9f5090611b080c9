"""why a reply was given up; unknown outcomes hold up later replies; how fast somebody writes

Revision: 0008, after: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def _open(states: str) -> None:
    op.drop_index("ix_outbound_message_open", table_name="outbound_message")
    op.create_index(
        "ix_outbound_message_open",
        "outbound_message",
        ["conversation_id", "position"],
        postgresql_where=sa.text(f"state IN ({states})"),
    )


def upgrade() -> None:
    op.add_column("outbound_message", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("conversation", sa.Column("pace", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_outbound_message_held",
        "outbound_message",
        ["conversation_id"],
        postgresql_where=sa.text("state = 'held'"),
    )
    _open("'queued', 'sending', 'unknown'")


def downgrade() -> None:
    _open("'queued', 'sending'")
    op.drop_index("ix_outbound_message_held", table_name="outbound_message")
    op.drop_column("conversation", "pace")
    op.drop_column("outbound_message", "reason")
