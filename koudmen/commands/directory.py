"""`koudmen directory`: seed here; coverage, files, duplicates, and keeping it true in modules of their own."""

from collections.abc import Sequence

from base.db import transaction
from directory import load
from koudmen.cli import parser
from koudmen.commands import coverage, duplicates, exchange, truth
from koudmen.runtime import make_runtime, noted

FILES = ("export", "import", "template")
DECISIONS = ("duplicates", "merge", "unmerge", "check")


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] == "coverage":
        return coverage.main(arguments[1:])
    if arguments and arguments[0] in FILES:
        return exchange.main(arguments)
    if arguments and arguments[0] in DECISIONS:
        return duplicates.main(arguments)
    if arguments and arguments[0] in truth.DO:
        return truth.main(arguments)
    options = parser("directory")
    options.add_argument("action", choices=["seed", "coverage", *FILES, *DECISIONS, *truth.DO])
    options.add_argument("--demo", action="store_true", help="mark the demo's numbers; never for real texters")
    demo = options.parse_args(arguments).demo
    runtime = make_runtime(pool_size=1)
    with transaction(runtime.sessions) as session:
        counts = load.seed(session, demo=demo and runtime.settings.rehearsing)
        if counts.added or counts.updated or counts.removed:
            noted(session, "directory seeded", "directory", added=counts.added, changed=counts.updated)
    print(f"directory: {counts}")
    return 0
