"""A report as files: CSV, a workbook, and a PDF for the monthly report. Nothing in a cell is taken for a formula."""

import csv
import io
from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from openpyxl import Workbook
from openpyxl.styles import Font

from dashboard.reports.tables import Table, Value, shown
from directory.exchange.cells import FORMULA


def harmless(value: Value) -> Value:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def as_csv(tables: Sequence[Table], title: str, about: str) -> bytes:
    """All tables one below the other, each with its title and source."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(title), harmless(about)])
    for table in tables:
        writer.writerow([])
        writer.writerow([harmless(table.title), harmless(table.source), harmless(table.note)])
        writer.writerow([harmless(column) for column in table.columns])
        writer.writerows([[harmless(shown(value)) for value in row] for row in table.rows])
    return ("\ufeff" + out.getvalue()).encode()


def as_xlsx(tables: Sequence[Table], title: str, about: str) -> bytes:
    """A sheet for each table."""
    book = Workbook()
    first = book.active
    assert first is not None  # noqa: S101 (a new workbook has a sheet)
    first.title = "About"
    first.append([harmless(title)])
    first.append([harmless(about)])
    for table in tables:
        sheet = book.create_sheet(table.key[:31])
        sheet.append([harmless(table.title)])
        sheet.append([f"Source: {table.source}"])
        sheet.append([harmless(table.note)])
        sheet.append([harmless(column) for column in table.columns])
        for row in table.rows:
            sheet.append([harmless(shown(value) if value is None else value) for value in row])
        sheet["A1"].font = Font(bold=True)
        for cell in sheet[4]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "B5"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_pdf(tables: Sequence[Table], title: str, about: str) -> bytes:
    """Landscape pages with one table after another: what the page draws as bars stands in them as numbers."""
    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_title(title)
    pdf.set_auto_page_break(auto=True, margin=14)
    pdf.add_page()
    pdf.set_font("helvetica", "B", 18)
    _line(pdf, 10, title)
    pdf.set_font("helvetica", "", 10)
    _line(pdf, 7, about)
    for table in tables:
        _pdf_table(pdf, table)
    return bytes(pdf.output())


def _pdf_table(pdf: FPDF, table: Table) -> None:
    if pdf.get_y() > 150:
        pdf.add_page()
    pdf.ln(4)
    pdf.set_font("helvetica", "B", 13)
    _line(pdf, 8, table.title)
    pdf.set_font("helvetica", "I", 8)
    _line(pdf, 5, f"Source: {table.source}. {table.note}")
    if not table.rows:
        _line(pdf, 6, "Nothing in this month.")
        return
    size = 9 if len(table.columns) <= 8 else 7
    pdf.set_font("helvetica", "", size)
    with pdf.table(first_row_as_headings=True, line_height=size * 0.6, text_align="LEFT") as drawn:
        for row in (table.columns, *table.rows):
            cells = drawn.row()
            for value in row:
                cells.cell(_latin(shown(value)))


def _line(pdf: FPDF, height: float, words: str) -> None:
    pdf.multi_cell(0, height, _latin(words), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _latin(words: str) -> str:
    """The letters that the PDF's built-in fonts have."""
    return words.encode("latin-1", "replace").decode("latin-1")
