"""the triggers of 0019 as they are now: it was changed after it had been run somewhere

Whatever a database has of them (none, some, or what 0019 made at first: one function for all tables, on fewer of them)
is taken away, and made anew. 0021 was changed too, but only in its way down and for rows that were numbered by months
before: it leaves the same tables as ever.

Revision: 0024, after: 0023
"""

from importlib import import_module

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

triggers = import_module("koudmen.migrations.versions.0019_when_it_changed")


def upgrade() -> None:
    for table in triggers.WOKEN:
        op.execute(f"DROP TRIGGER IF EXISTS directory_changed ON {table}")
    for table in triggers.HANGING:
        for name in triggers.TRIGGERS:
            op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        op.execute(f"DROP FUNCTION IF EXISTS {table}_touches()")
    op.execute("DROP FUNCTION IF EXISTS directory_touched()")
    triggers.upgrade()


def downgrade() -> None:
    """0019 has the same, and takes it away."""
