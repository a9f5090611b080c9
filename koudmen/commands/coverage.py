"""`koudmen directory coverage`: where which need is met, and what was searched for in vain."""

import argparse
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from base.clock import DOMINICA, now
from base.db import transaction
from bot import demand
from directory import coverage, coverage_told, indexing
from koudmen.runtime import make_runtime

BY = {"parish": (demand.unmet, coverage.by_parish), "district": (demand.unmet_by_district, coverage.by_district)}
FORMATS = {"table": coverage_told.table, "csv": coverage_told.as_csv, "svg": coverage_told.as_svg}


def main(arguments: Sequence[str]) -> int:
    """Print the matrix, or write it to a file."""
    chosen = _options().parse_args(arguments)
    today = now().astimezone(DOMINICA).date()
    runtime = make_runtime(pool_size=1)
    with transaction(runtime.sessions) as session:
        index = indexing.current(session)
        unmet, matrix = BY[chosen.by]
        found = matrix(index, unmet(session, today - timedelta(days=chosen.days), today))
    runtime.engine.dispose()
    text = FORMATS[chosen.format](found)
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")
        print(f"coverage: {chosen.out}, {len(found.gaps())} combinations of need and {found.kind} without a service")
    else:
        print(text.rstrip("\n"))
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="koudmen directory coverage", description=__doc__)
    options.add_argument("--by", choices=list(BY), default="parish", help="health district or parish")
    options.add_argument("--format", choices=list(FORMATS), default="table")
    options.add_argument("--days", type=int, default=90, help="searches of so many days")
    options.add_argument("--out", type=Path, help="write here instead of printing")
    return options
