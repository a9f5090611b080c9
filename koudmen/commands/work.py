"""`koudmen worker turn send protect`."""

from collections.abc import Sequence

from koudmen import worker
from koudmen.cli import parser


def main(arguments: Sequence[str]) -> int:
    options = parser("worker")
    options.add_argument("queue", nargs="+", choices=["turn", "send", "protect"])
    options.add_argument("--number", type=int, default=1, help="which of several workers of the same queues this is")
    chosen = options.parse_args(arguments)
    worker.run(chosen.queue, chosen.number)
    return 0
