"""`koudmen directory export PATH`, `import PATH` and `template FILE.xlsx`."""

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from base.errors import InvalidInput
from directory.exchange import forms, sheet_files
from directory.exchange.intake import take_in
from koudmen.cli import parser
from koudmen.runtime import at_the_database, noted

FORMATS = "csv: a folder of tables; hsds: .json or .ndjson; sheet: .csv or .xlsx. Guessed from the name when not given"


def main(arguments: Sequence[str]) -> int:
    options = parser("directory")
    options.add_argument("action", choices=["export", "import", "template"])
    options.add_argument("path", type=Path)
    options.add_argument("--format", choices=forms.FORMS, help=FORMATS)
    options.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
    options.add_argument("--trust-verified", action="store_true", help="numbers the file calls verified count as such")
    options.add_argument(
        "--with-confidential", action="store_true", help="also what is confidential: keep it locked up"
    )
    chosen = options.parse_args(arguments)
    try:
        if chosen.action == "template":
            sheet_files.template(chosen.path)
            return 0
        with at_the_database() as (session, _):
            return _do(session, chosen)
    except (DataError, IntegrityError) as error:  # its message would quote the row
        raise InvalidInput(f"a row breaks the rule {_rule(error)} of the directory; nothing was changed") from None
    except OSError as error:
        raise InvalidInput(f"{chosen.path}: {error.strerror}") from None


def _rule(error: DBAPIError) -> str:
    told = getattr(error.orig, "diag", None)
    names = (getattr(told, name, None) for name in ("table_name", "constraint_name", "column_name"))
    return " ".join(name for name in names if name) or "about lengths and forms"


def _do(session: Session, chosen: argparse.Namespace) -> int:
    form = chosen.format or forms.guess(chosen.path)
    if chosen.action == "export":
        if chosen.with_confidential:
            print("this file names refuges and hidden numbers: keep it locked up", file=sys.stderr)
        print(forms.export(session, chosen.path, form, confidential=chosen.with_confidential))
        noted(session, "directory exported", "directory", form=form, confidential=chosen.with_confidential)
        return 0
    report = take_in(
        session, chosen.path, form=form, dry_run=chosen.dry_run, trust=chosen.trust_verified,
        confidential=chosen.with_confidential, by=f"import by {getpass.getuser()}", said=_progress,
    )  # fmt: skip
    if not report.faults and not chosen.dry_run:
        noted(session, "directory imported", "directory", added=report.added, changed=report.changed)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print("\n".join(report.lines()))
    return 1 if report.faults else 0


def _progress(line: str) -> None:
    """On a terminal one line that changes; else a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr)
