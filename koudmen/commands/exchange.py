"""`koudmen directory export FOLDER` and `koudmen directory import FOLDER`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from base.errors import InvalidInput
from directory.exchange import intake, tabular
from koudmen.cli import parser
from koudmen.runtime import at_the_database


def main(arguments: Sequence[str]) -> int:
    options = parser("directory")
    options.add_argument("action", choices=["export", "import"])
    options.add_argument("folder", type=Path)
    options.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
    options.add_argument("--trust-verified", action="store_true", help="numbers the file calls verified count as such")
    chosen = options.parse_args(arguments)
    try:
        with at_the_database() as (session, _):
            return _do(session, chosen)
    except (DataError, IntegrityError) as error:  # its message would quote the row
        raise InvalidInput(f"a row breaks the rule {_rule(error)} of the directory; nothing was changed") from None
    except OSError as error:
        raise InvalidInput(f"{chosen.folder}: {error.strerror}") from None


def _rule(error: DBAPIError) -> str:
    told = getattr(error.orig, "diag", None)
    names = (getattr(told, name, None) for name in ("table_name", "constraint_name", "column_name"))
    return " ".join(name for name in names if name) or "about lengths and forms"


def _do(session: Session, chosen: argparse.Namespace) -> int:
    if chosen.action == "export":
        print(f"{tabular.export(session, chosen.folder)} rows")
        return 0
    report = intake.take_in(
        session, chosen.folder, dry_run=chosen.dry_run, trust=chosen.trust_verified,
        said=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    print("\n".join(report.lines()))
    return 1 if report.faults else 0
