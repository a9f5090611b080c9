"""The case page

Revision: 0013, after: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('case_viewer',
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('viewed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('writing_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_case_viewer_case_id')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_case_viewer_staff_id')),
    sa.PrimaryKeyConstraint('case_id', 'staff_id', name=op.f('pk_case_viewer'))
    )
    op.create_index('ix_case_code', 'case', ['code'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_case_code', table_name='case')
    op.drop_table('case_viewer')
