"""`koudmen engine`."""

from collections.abc import Sequence

from koudmen import engine
from koudmen.cli import parser


def main(arguments: Sequence[str]) -> int:
    parser("engine").parse_args(arguments)
    engine.run()
    return 0
