"""`koudmen sops check`."""

from collections.abc import Sequence
from pathlib import Path

from koudmen.cli import parser
from oncall import sop


def main(arguments: Sequence[str]) -> int:
    options = parser("sops")
    options.add_argument("action", choices=["check"])
    options.add_argument("--folder", type=Path, default=sop.FOLDER, help="where the procedures are")
    folder: Path = options.parse_args(arguments).folder
    found = list(sop.check(folder))
    for fault in found:
        print(fault)
    print(f"procedures: {len(found)} faults" if found else "procedures: complete")
    return 1 if found else 0
