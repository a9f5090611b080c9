"""Who dealt with what was not understood

Revision: 0015, after: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('unread_message', sa.Column('done_by_id', sa.Uuid(), nullable=True))
    op.add_column('unread_message', sa.Column('done_how', sa.String(), nullable=True, comment='answered, nothing_needed, case'))
    op.create_foreign_key(op.f('fk_unread_message_done_by_id'), 'unread_message', 'staff', ['done_by_id'], ['id'])


def downgrade() -> None:
    op.drop_constraint(op.f('fk_unread_message_done_by_id'), 'unread_message', type_='foreignkey')
    op.drop_column('unread_message', 'done_how')
    op.drop_column('unread_message', 'done_by_id')
