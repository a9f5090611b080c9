"""`koudmen db upgrade`."""

from collections.abc import Sequence

from koudmen.cli import parser
from koudmen.database import upgrade


def main(arguments: Sequence[str]) -> int:
    options = parser("db")
    options.add_argument("action", choices=["upgrade"])
    options.parse_args(arguments)
    upgrade()
    print("database: up to date")
    return 0
