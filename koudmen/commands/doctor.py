"""`koudmen doctor`: exit code 1 when something is bad."""

from collections.abc import Sequence

from base.settings import load_settings
from koudmen.cli import parser
from koudmen.doctor import examine


def main(arguments: Sequence[str]) -> int:
    parser("doctor").parse_args(arguments)
    worst = 0
    for finding in examine(load_settings()):
        print(f"{finding.level:<4}  {finding.part}{': ' if finding.words else ''}{finding.words}")
        worst = max(worst, finding.level == "bad")
    return worst
