"""`koudmen directory export FOLDER` and `koudmen directory import FOLDER`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from base.db import transaction
from directory.exchange import intake, tabular
from koudmen.cli import parser
from koudmen.runtime import make_runtime


def main(arguments: Sequence[str]) -> int:
    options = parser("directory")
    options.add_argument("action", choices=["export", "import"])
    options.add_argument("folder", type=Path)
    options.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
    options.add_argument("--trust-verified", action="store_true", help="numbers the file calls verified count as such")
    chosen = options.parse_args(arguments)
    runtime = make_runtime(pool_size=1)
    with transaction(runtime.sessions) as session:
        if chosen.action == "export":
            print(f"{tabular.export(session, chosen.folder)} rows")
            return 0
        report = intake.take_in(
            session, chosen.folder, dry_run=chosen.dry_run, trust=chosen.trust_verified,
            said=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
    for fault in report.faults:
        print(fault)
    print(f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {len(report.faults)} faults")
    return 1 if report.faults else 0
