"""A need can be met in part; each change of the directory leaves its transaction's number, for readers to see

Revision: 0006, after: 0004
"""

import sqlalchemy as sa
from alembic import op
revision = '0006'
down_revision = "0004"
branch_labels = None
depends_on = None

WATCHED = (
    'organization service service_need service_area service_at_location location phone schedule language accessibility '
    'required_document cost_option'
).split()


def upgrade() -> None:
    op.add_column('service_need', sa.Column('part', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='answers a part of the need only'))
    op.create_table('directory_change',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False, comment='xid8 of PostgreSQL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_directory_change'))
    )
    op.execute(
        "CREATE FUNCTION directory_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO directory_change (id) VALUES (pg_current_xact_id()::text::bigint) ON CONFLICT DO NOTHING;"
        " RETURN NULL; END $$"
    )
    for table in WATCHED:
        op.execute(
            f"CREATE TRIGGER directory_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION directory_changed()"
        )


def downgrade() -> None:
    for table in WATCHED:
        op.execute(f"DROP TRIGGER directory_changed ON {table}")
    op.execute("DROP FUNCTION directory_changed()")
    op.drop_table('directory_change')
    op.drop_column('service_need', 'part')
