"""Takes files in: all is read and checked first, then written in the caller's one transaction."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from base.errors import InvalidInput
from directory.exchange import foreign, hsds_in, merged, sheet_columns, sheet_in, tabular
from directory.exchange.gathered import Gathered
from directory.exchange.put import put
from directory.exchange.report import Fault, Report, Said


def take_in(
    session: Session,
    path: Path,
    *,
    dry_run: bool,
    form: str = "csv",
    trust: bool = False,
    confidential: bool = False,
    by: str = "import",
    said: Said = lambda _: None,
) -> Report:
    """Import a file or folder of this form (csv, hsds, sheet). With a fault, or as a dry run, nothing is changed.

    `trust`: verification states of the file count; else a number comes in as unverified, and a number that changes is
    unverified again. `confidential`: rows that are confidential here may be changed; else they never are, and
    none is named. `by` stands in the history. `said` hears progress.
    """
    if not path.exists():
        raise InvalidInput("there is no such folder or file")
    gathered = Gathered(Report())
    with _no_collecting():
        _take(session, path, gathered, form, dry_run, trust, confidential, by, said)
    return gathered.report


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of small objects come up, none in circles; looking through them again and again doubles the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _take(
    session: Session, path: Path, gathered: Gathered, form: str, dry_run: bool, trust: bool, confidential: bool,
    by: str, said: Said,
) -> None:  # fmt: skip
    report = gathered.report
    try:
        if form == "sheet":
            sheet_in.read(session, path, gathered, said, confidential=confidential)
        else:
            READERS[form](path, gathered, said)
    except InvalidInput as error:
        report.fault(Fault(path.name, str(error)))
    if not report.faults and not any(gathered.rows.values()):
        report.fault(Fault(path.name, "it has nothing of the directory in it"))
    if not report.faults:
        merged.leave_out(session, gathered, confidential=confidential)
        foreign.add_needs(session, gathered)
        gathered.check(session, confidential=confidential)
    if form == "sheet":
        report.faults = [replace(one, field=sheet_columns.CALLED.get(one.field, one.field)) for one in report.faults]
    if not report.faults:
        put(session, gathered, by=by, trust=trust, confidential=confidential, dry_run=dry_run, said=said)
        if not dry_run:
            session.expire_all()


READERS: dict[str, Callable[[Path, Gathered, Said], None]] = {"csv": tabular.read, "hsds": hsds_in.read}
