"""an account is bound to one person of the ministry's own sign-in

Revision: 0023, after: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "staff",
        sa.Column(
            "ministry_lookup",
            sa.LargeBinary(),
            nullable=True,
            comment="keyed hash of issuer and subject of the ministry's sign-in, once bound",
        ),
    )
    op.create_unique_constraint("uq_staff_ministry_lookup", "staff", ["ministry_lookup"])


def downgrade() -> None:
    op.drop_constraint("uq_staff_ministry_lookup", "staff", type_="unique")
    op.drop_column("staff", "ministry_lookup")
