"""`koudmen worker turn send protect`."""

from collections.abc import Sequence

from koudmen import worker
from koudmen.cli import parser


def main(arguments: Sequence[str]) -> int:
    options = parser("worker")
    options.add_argument("queue", nargs="+", choices=["turn", "send", "protect"])
    worker.run(options.parse_args(arguments).queue)
    return 0
