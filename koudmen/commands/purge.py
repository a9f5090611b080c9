"""`koudmen purge`: erase what retention says, now. The sweeper does it by itself."""

from collections.abc import Sequence

from koudmen.cli import parser
from koudmen.purge import purge
from koudmen.runtime import make_runtime


def main(arguments: Sequence[str]) -> int:
    parser("purge").parse_args(arguments)
    runtime = make_runtime(pool_size=1)
    for name, count in purge(runtime.sessions, runtime.settings.config.retention).items():
        print(f"{name}: {count}")
    return 0
