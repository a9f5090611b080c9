"""The one-sheet spreadsheet as a file: CSV or XLSX, in and out, and the empty form for a clerk."""

import csv
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from itertools import zip_longest
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from sqlalchemy.orm import Session

from base.errors import InvalidInput
from directory import places
from directory.exchange import cells, words
from directory.exchange.report import Fault, Report
from directory.exchange.sheet_columns import COLUMNS, INSTRUCTIONS, NAMES
from directory.exchange.sheet_view import Cells, View
from directory.exchange.tables import rows_to_export

LARGEST, LARGEST_UNPACKED, MOST_PARTS = 50 * 1024**2, 200 * 1024**2, 1000  # bytes, bytes, files in an XLSX
MOST_ROWS, LONGEST_CELL, MOST_COLUMNS = 200_000, 32_767, 100  # 32,767 signs: Excel's own limit
BROKEN = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    SyntaxError,
    EOFError,
    OSError,
)
DROPPED_ROWS = 5000  # rows of a sheet that have drop-downs
SERVICES, HOW, LISTS = "services", "instructions", "lists"
Line = tuple[int, Cells]


def export(session: Session, path: Path, *, confidential: bool = False) -> int:
    """Write all services into a new file, by its ending .csv or .xlsx. Returns the number of lines."""
    if path.exists():
        raise InvalidInput("there is such a file already")
    lines = list(View(rows_to_export(session, confidential=confidential)).lines())
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".xlsx":
        write_xlsx(path, lines)
    else:
        write_csv(path, lines)
    return len(lines)


def write_csv(path: Path, lines: Iterable[Cells]) -> None:
    """UTF-8 with the mark that Excel needs to see it; cells that look like formulas get an apostrophe."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        writer.writerows([cells.written(line[name]) for name in NAMES] for line in lines)


def write_xlsx(path: Path, lines: Iterable[Cells]) -> None:
    """A workbook with the services, the instructions, and drop-downs. All cells are text, none is a formula."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = SERVICES
    sheet.append(NAMES)
    for number, line in enumerate(lines, 2):
        for at, name in enumerate(NAMES, 1):
            if line[name]:
                _text(sheet.cell(number, at), line[name])
    _dress(book, sheet)
    book.save(path)


def template(path: Path) -> None:
    """An empty form."""
    if path.exists():
        raise InvalidInput("there is such a file already")
    if path.suffix.lower() != ".xlsx":
        raise InvalidInput("the name of the form must end in .xlsx")
    write_xlsx(path, [])


def _text(cell: Any, text: str) -> None:
    if len(text) > LONGEST_CELL:
        raise InvalidInput("a text is too long for an XLSX cell; export as .csv")
    cell.value, cell.data_type, cell.number_format = text, "s", "@"
    cell.quotePrefix = text.startswith((*cells.FORMULA, "'"))  # it stays text when somebody edits it


def _dress(book: Any, sheet: Any) -> None:
    """Head, widths, drop-downs, and the two sheets beside it."""
    lists = book.create_sheet(LISTS)
    for at, column in enumerate(COLUMNS, 1):
        head, letter = sheet.cell(1, at), get_column_letter(at)
        head.font, head.fill = Font(bold=True), PatternFill("solid", start_color="FFDDE8F0")
        sheet.column_dimensions[letter].width = 40 if column.name in {"phones", "hours", "description"} else 22
        sheet.column_dimensions[letter].number_format = "@"
        choices = column.choices if column.name != "village" else tuple(place.name for place in places.all_places())
        for down, choice in enumerate(choices, 1):
            lists.cell(down, at, choice)
        if choices:
            rule = DataValidation("list", formula1=f"{LISTS}!${letter}$1:${letter}${len(choices)}", allow_blank=True)
            rule.showErrorMessage = column.name != "village"  # "(assumed)" may stand behind it
            sheet.add_data_validation(rule)
            rule.add(f"{letter}2:{letter}{DROPPED_ROWS}")
    sheet.freeze_panes = "C2"
    lists.sheet_state = "hidden"
    how = book.create_sheet(HOW, 0)
    for row in [*((line,) for line in INSTRUCTIONS), (), ("Column", "What to write", "Example")]:
        how.append(row)
    for column in COLUMNS:
        how.append((column.name, "", ""))
        for at, told in ((2, column.meaning), (3, column.example)):
            _text(how.cell(how.max_row, at), told)
            how.cell(how.max_row, at).alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in (("A", 28), ("B", 80), ("C", 50)):
        how.column_dimensions[letter].width = width
    book.active = 1


def read(path: Path, report: Report) -> tuple[list[str], Iterator[Line]]:
    """The head, and (row number, cells) of each row that is not empty. Raises InvalidInput when it is no such file."""
    if path.is_dir():
        raise InvalidInput("it is a folder; this form is one file")
    if path.stat().st_size > LARGEST:
        raise InvalidInput(f"it is larger than {LARGEST // 1024**2} MB")
    rows = _xlsx_rows(path, report) if path.suffix.lower() == ".xlsx" else _csv_rows(path, report)
    first = next(rows, (1, []))[1]
    head = [one.strip().lower().replace(" ", "_") for one in first]
    while head and not head[-1]:
        head.pop()
    return head, _lines(head, rows, path.name, report)


def _lines(head: list[str], rows: Iterator[tuple[int, list[str]]], file: str, report: Report) -> Iterator[Line]:
    for number, row in rows:
        if any(row[len(head) :]):
            report.fault(Fault(file, "has more cells than the first row", number))
        if any(row):
            yield number, dict(zip(head, [words.tidy(one) for one in row] + [""] * len(head), strict=False))


def _csv_rows(path: Path, report: Report) -> Iterator[tuple[int, list[str]]]:
    number, names = 1, list[str]()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            comma = max(",;\t", key=file.readline().count)  # Excel writes what the country's settings say
            file.seek(0)
            csv.field_size_limit(LONGEST_CELL * 4)
            for line in (reader := csv.reader(file, delimiter=comma, strict=True)):
                _few(number, line)
                names = names or line
                yield number, [_cell(cell, number, name, path.name, report) for name, cell in zip_longest(names, line)]
                number = reader.line_num + 1
    except UnicodeDecodeError:
        told = "it is not UTF-8 text; in Excel, save it as 'CSV UTF-8'"
        raise InvalidInput(f"after row {number}: {told}") from None
    except csv.Error:
        raise InvalidInput(f"after row {number}: it is not a CSV file") from None


def _cell(text: str | None, number: int, name: str | None, file: str, report: Report) -> str:
    try:
        return cells.text(text or "")
    except ValueError as error:
        report.fault(Fault(file, str(error), number, (name or "a cell without a name")[:40]))
        return ""


def _few(number: int, line: list[Any]) -> None:
    if number > MOST_ROWS:
        raise InvalidInput(f"it has more than {MOST_ROWS} rows")
    if len(line) > MOST_COLUMNS:
        raise InvalidInput(f"row {number} has more than {MOST_COLUMNS} cells")


def _xlsx_rows(path: Path, report: Report) -> Iterator[tuple[int, list[str]]]:
    """The sheet 'services', or the first one. What is packed is looked at before it is unpacked."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
        if sum(part.file_size for part in parts) > LARGEST_UNPACKED or len(parts) > MOST_PARTS:
            raise InvalidInput("it unpacks to far more than a sheet of services can be")
        book: Any = load_workbook(path, read_only=True, keep_links=False)
        sheet: Any = book[SERVICES] if SERVICES in book.sheetnames else book.worksheets[0]
        for number, row in enumerate(sheet.iter_rows(), 1):
            _few(number, [cell for cell in row if cell.value is not None])
            yield number, [_value(cell, number, path.name, report) for cell in row[: MOST_COLUMNS + 1]]
        book.close()
    except BROKEN:
        raise InvalidInput("it is not an XLSX workbook") from None


def _value(cell: Any, number: int, file: str, report: Report) -> str:
    value = cell.value
    if cell.data_type in {"f", "e"}:
        letter = get_column_letter(cell.column)
        report.fault(Fault(file, f"cell {letter}{number} is a formula; write the text itself", number))
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else "" if value is None else str(value)
