"""reports are kept as first told; roles that wait for a second person; a calendar's key can be changed; the audit log is
found by action

Revision: 0020, after: 0019
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monthly_report",
        sa.Column("month", sa.Date(), nullable=False, comment="its first day"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tables", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_monthly_report"),
    )
    op.add_column(
        "staff",
        sa.Column("roles_asked", postgresql.ARRAY(sa.Text()), nullable=True, comment="wait for a second person's yes"),
    )
    op.add_column("staff", sa.Column("roles_asked_by_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_staff_roles_asked_by_id", "staff", "staff", ["roles_asked_by_id"], ["id"])
    op.add_column("staff", sa.Column("calendar_number", sa.Integer(), server_default="0", nullable=False))
    op.add_column("page", sa.Column("phone", sa.LargeBinary(), nullable=True))
    op.create_index("ix_audit_event_action", "audit_event", ["action", "seq"])


def downgrade() -> None:
    op.drop_index("ix_audit_event_action", table_name="audit_event")
    op.drop_column("page", "phone")
    op.drop_column("staff", "calendar_number")
    op.drop_constraint("fk_staff_roles_asked_by_id", "staff", type_="foreignkey")
    op.drop_column("staff", "roles_asked_by_id")
    op.drop_column("staff", "roles_asked")
    op.drop_table("monthly_report")
