"""`koudmen phrases check`."""

from collections.abc import Sequence

from bot.phrases_check import faults
from koudmen.cli import parser


def main(arguments: Sequence[str]) -> int:
    options = parser("phrases")
    options.add_argument("action", choices=["check"])
    options.parse_args(arguments)
    found = list(faults())
    for fault in found:
        print(fault)
    print("catalogues: complete" if not found else f"catalogues: {len(found)} faults")
    return 1 if found else 0
