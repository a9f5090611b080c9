"""Write a new migration from the difference between the models and the newest version.

`python -m koudmen.migrations.make "what changes"`, with DATABASE_URL at a database of that version.
"""

import sys

from alembic import command

from koudmen.database import alembic

if __name__ == "__main__":
    command.revision(alembic(), message=sys.argv[1], autogenerate=True, rev_id=sys.argv[2])
