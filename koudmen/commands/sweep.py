"""`koudmen sweeper`."""

from collections.abc import Sequence

from koudmen import sweeper
from koudmen.cli import parser


def main(arguments: Sequence[str]) -> int:
    parser("sweeper").parse_args(arguments)
    sweeper.run()
    return 0
