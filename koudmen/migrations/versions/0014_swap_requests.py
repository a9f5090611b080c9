"""Swaps of duty that wait for a yes; signing in through a ministry's own provider

Revision: 0014, after: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = '0013'
branch_labels = None
depends_on = None
_PURPOSE = "ck_sign_in_step_purpose"


def upgrade() -> None:
    op.create_table(
        "swap_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False, comment="who asks"),
        sa.Column("mine_level", sa.SmallInteger(), nullable=False),
        sa.Column("mine_starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mine_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("theirs_level", sa.SmallInteger(), nullable=False),
        sa.Column("theirs_starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("theirs_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "mine_ends_at > mine_starts_at AND theirs_ends_at > theirs_starts_at", name=op.f("ck_swap_request_times")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_swap_request_staff_id")),
        sa.ForeignKeyConstraint(["other_id"], ["staff.id"], name=op.f("fk_swap_request_other_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["staff.id"], name=op.f("fk_swap_request_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swap_request")),
    )
    op.create_index(
        "ix_swap_request_open", "swap_request", ["asked_at"], postgresql_where=sa.text("decided_at IS NULL")
    )
    op.drop_constraint(op.f(_PURPOSE), "sign_in_step", type_="check")
    op.create_check_constraint(
        op.f(_PURPOSE), "sign_in_step", "purpose IN ('second', 'passkey', 'register', 'oidc')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f(_PURPOSE), "sign_in_step", type_="check")
    op.execute("DELETE FROM sign_in_step WHERE purpose = 'oidc'")
    op.create_check_constraint(op.f(_PURPOSE), "sign_in_step", "purpose IN ('second', 'passkey', 'register')")
    op.drop_table("swap_request")
