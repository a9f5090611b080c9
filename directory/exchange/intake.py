"""Takes files in: all is read and checked first, then written in the caller's one transaction."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.orm import Session

from base.errors import InvalidInput
from directory.exchange import hsds_in, sheet_in, tabular
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
    unverified again. `confidential`: rows that are confidential here may be changed; else they never are, and never
    reported on. `by` stands in the history. `said` hears progress.
    """
    if not path.exists():
        raise InvalidInput("there is no such folder or file")
    report = Report()
    gathered = Gathered(report)
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
        gathered.check(session, confidential=confidential)
    if not report.faults:
        put(session, gathered, by=by, trust=trust, confidential=confidential, dry_run=dry_run, said=said)
        if not dry_run:
            session.expire_all()
    return report


READERS: dict[str, Callable[[Path, Gathered, Said], None]] = {"csv": tabular.read, "hsds": hsds_in.read}
