"""`koudmen purge`: erase what retention says, now. The sweeper does it by itself."""

from collections.abc import Sequence

from base.db import transaction
from koudmen.cli import parser
from koudmen.purge import purge
from koudmen.runtime import make_runtime, noted


def main(arguments: Sequence[str]) -> int:
    parser("purge").parse_args(arguments)
    runtime = make_runtime(pool_size=1)
    for name, count in purge(runtime.sessions, runtime.settings.config.retention).items():
        print(f"{name}: {count}")
    with transaction(runtime.sessions) as session:
        noted(session, "purged", "retention")
    runtime.engine.dispose()
    return 0
