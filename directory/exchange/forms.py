"""The forms the directory is written in, and which of them a path is."""

from pathlib import Path

from sqlalchemy.orm import Session

from directory.exchange import hsds_out, sheet_files, tabular

FORMS = ("csv", "hsds", "sheet")
JSON = {".json", *hsds_out.NDJSON}


def guess(path: Path) -> str:
    """By the ending: no ending is a folder of tables."""
    if path.is_dir() or not path.suffix:
        return "csv"
    return "hsds" if path.suffix.lower() in JSON else "sheet"


def export(session: Session, path: Path, form: str, *, confidential: bool = False) -> str:
    """Write the directory in this form to a path that is not there yet. Returns what was written, in words.

    `confidential`: also what is confidential. Raises InvalidInput when something is there.
    """
    if form == "csv":
        return f"{tabular.export(session, path, confidential=confidential)} rows"
    if form == "sheet":
        return f"{sheet_files.export(session, path, confidential=confidential)} lines"
    services, left = hsds_out.export(session, path, confidential=confidential)
    return f"{services} services" + (f"; {left} rows hang on no service: only the form csv has them" if left else "")
