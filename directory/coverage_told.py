"""Coverage as a table for the terminal, as CSV, and as a picture (SVG) that can be read without colour."""

import csv
import io
from collections.abc import Callable, Iterator
from html import escape

from directory.coverage import EVERYWHERE, Cell, Coverage
from directory.exchange.cells import written
from directory.needs import NEEDS

COLUMNS = (
    "area need services verified verified_share migrants migrants_share kreyol kreyol_share unmet_searches".split()
)
Say = Callable[[str], str]
WIDE, HIGH, LEFT, TOP = 92, 46, 130, 118  # of a cell and of the margins, in pixels
KEY = "services; v: with a verified number, m: known to serve migrants, k: speaking Haitian Creole"


def table(coverage: Coverage) -> str:
    """Lines for the terminal: services, then v, m and k of them, then searches that found nothing."""
    heads = ["", *coverage.areas]
    rows = [[need, *(_short(coverage.cell(need, area)) for area in coverage.areas)] for need in NEEDS]
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return "\n".join(line.rstrip() for line in [*lines, "", f"{KEY}; !: {_searches(coverage)}"])


def shares(cell: Cell) -> str:
    """Of a cell's services, how many in a hundred have a verified number, are known to serve migrants, speak Kreyol."""
    parts = (cell.verified, "v"), (cell.migrants, "m"), (cell.kreyol, "k")
    return " ".join(f"{round(100 * count / cell.services)}%{sign}" for count, sign in parts) if cell.services else ""


def as_csv(coverage: Coverage) -> str:
    """One line for each area and need; shares from 0 to 1, empty where there is no service."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for area in coverage.areas:
        for need in NEEDS:
            cell = coverage.cell(need, area)
            counts = [
                part for count in (cell.verified, cell.migrants, cell.kreyol) for part in (count, _share(cell, count))
            ]
            writer.writerow([written(area), need, cell.services, *counts, written(coverage.unmet_told(need, area))])
    return out.getvalue()


def as_svg(coverage: Coverage, say: Say = str) -> str:
    """A picture: the number says how many, shade and bar repeat it, hatching marks where there is nothing. `say` puts
    words into the reader's language."""
    wide, high = LEFT + WIDE * len(coverage.areas) + 10, TOP + HIGH * len(NEEDS) + 40
    title = say(f"Services by need and {coverage.kind}")
    gaps = f"{len(coverage.gaps())} {say('combinations without any service of their own')}"
    key = say(KEY)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" viewBox="0 0 {wide} {high}" '
            f'width="{wide}" height="{high}" font-family="sans-serif">',
            f'<title id="t">{escape(title)}</title><desc id="d">{escape(f"{title}: {gaps}. {key}.")}</desc>',
            '<defs><pattern id="none" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 6L6 0" '
            'stroke="#666" stroke-width="1"/></pattern></defs>',
            f'<rect width="{wide}" height="{high}" fill="#fff"/>',
            f'<text x="8" y="22" font-size="16" font-weight="bold">{escape(title)}</text>',
            *_heads(coverage, say),
            *(part for row, need in enumerate(NEEDS) for part in _row(coverage, need, TOP + row * HIGH)),
            f'<text x="8" y="{high - 14}" font-size="11">{escape(key)}; {escape(say("hatched: none"))}; '
            f"! {escape(say(_searches(coverage)))}</text>",
            "</svg>",
        ]
    )


def _searches(coverage: Coverage) -> str:
    return "searches that found nothing there" if coverage.searched else "searches are not told"


# The parishes about where they lie, north above: column and row of their tile.
TILES = {
    "Saint John": (0, 0), "Saint Andrew": (1, 0), "Saint Peter": (0, 1), "Saint Joseph": (0, 2), "Saint David": (1, 2),
    "Saint Paul": (0, 3), "Saint George": (0, 4), "Saint Patrick": (1, 4), "Saint Luke": (0, 5), "Saint Mark": (0, 6),
}  # fmt: skip
TILE_WIDE, TILE_HIGH = 190, 58


def as_tiles(coverage: Coverage, need: str, say: Say = str) -> str:
    """The island as tiles, for one need: in each parish how many services, said in words and not by colour alone."""
    wide, high = 2 * TILE_WIDE + 20, 7 * TILE_HIGH + 60
    title = f"{need.replace('_', ' ')}: {say('services by parish')}"
    told = ", ".join(f"{area} {coverage.cell(need, area).services}" for area in TILES)
    whole = coverage.cell(need, EVERYWHERE).services
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" viewBox="0 0 {wide} {high}" '
            f'width="{wide}" height="{high}" font-family="sans-serif">',
            f'<title id="t">{escape(title)}</title><desc id="d">{escape(told)}</desc>',
            f'<rect width="{wide}" height="{high}" fill="#fff"/>',
            f'<text x="10" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
            *(part for area, place in TILES.items() for part in _tile(coverage.cell(need, area), area, say, *place)),
            f'<text x="10" y="{high - 12}" font-size="12">{whole} {escape(say("more for the whole island"))}</text>',
            "</svg>",
        ]
    )


def _tile(cell: Cell, area: str, say: Say, column: int, row: int) -> Iterator[str]:
    x, y = 10 + column * TILE_WIDE, 36 + row * TILE_HIGH
    shade = 255 - min(cell.services, 8) * 9
    fill = f"rgb({shade},{shade},{shade})" if cell.services else "#fff"
    dashed = "" if cell.services else ' stroke-dasharray="6 4"'
    words = f"{cell.services}, {cell.verified} {say('verified')}" if cell.services else say("none")
    size = f'width="{TILE_WIDE - 6}" height="{TILE_HIGH - 6}"'
    yield f'<rect x="{x}" y="{y}" {size} fill="{fill}" stroke="#000"{dashed}/>'
    yield f'<text x="{x + 10}" y="{y + 21}" font-size="14" font-weight="bold">{escape(area)}</text>'
    yield f'<text x="{x + 10}" y="{y + 40}" font-size="13">{escape(words)}</text>'


def _heads(coverage: Coverage, say: Say) -> Iterator[str]:
    for column, area in enumerate(coverage.areas):
        x = LEFT + column * WIDE + WIDE // 2 - 10
        turned = f'transform="rotate(-35 {x} {TOP - 8})"'
        yield f'<text x="{x}" y="{TOP - 8}" font-size="12" {turned}>{escape(say(area))}</text>'


def _row(coverage: Coverage, need: str, y: int) -> Iterator[str]:
    yield f'<text x="8" y="{y + HIGH // 2 + 4}" font-size="12">{escape(need.replace("_", " "))}</text>'
    for column, area in enumerate(coverage.areas):
        yield from _square(coverage.cell(need, area), LEFT + column * WIDE, y, f"{need}, {area}")


def _square(cell: Cell, x: int, y: int, named: str) -> Iterator[str]:
    shade = 255 - min(cell.services, 8) * 9
    fill = f"rgb({shade},{shade},{shade})" if cell.services else "url(#none)"
    yield (
        f'<g><title>{escape(f"{named}: {_short(cell)}")}</title><rect x="{x}" y="{y}" width="{WIDE - 3}" '
        f'height="{HIGH - 3}" fill="{fill}" stroke="#000" stroke-width="{1 if cell.services else 2}"/>'
    )
    if cell.services:
        yield f'<text x="{x + 6}" y="{y + 19}" font-size="16" font-weight="bold">{cell.services}</text>'
        yield f'<text x="{x + 6}" y="{y + 34}" font-size="11">{_parts(cell)}</text>'
        bar = round((WIDE - 15) * cell.verified / cell.services)
        yield f'<rect x="{x + 6}" y="{y + 37}" width="{bar}" height="3" fill="#000"/>'
    else:
        yield f'<rect x="{x + 3}" y="{y + 4}" width="16" height="18" fill="#fff"/>'
        yield f'<text x="{x + 6}" y="{y + 19}" font-size="16" font-weight="bold">0</text>'
    if cell.unmet != 0:
        yield (
            f'<rect x="{x + 50}" y="{y + 4}" width="36" height="17" fill="#fff" stroke="#000"/>'
            f'<text x="{x + 53}" y="{y + 17}" font-size="11">! {escape(cell.unmet_told)}</text>'
        )
    yield "</g>"


def _parts(cell: Cell) -> str:
    return f"{cell.verified}v {cell.migrants}m {cell.kreyol}k"


def _short(cell: Cell) -> str:
    unmet = f" !{cell.unmet_told}" if cell.unmet != 0 else ""
    return (f"{cell.services} ({_parts(cell)})" if cell.services else "-") + unmet


def _share(cell: Cell, count: int) -> str:
    return f"{count / cell.services:.2f}" if cell.services else ""
