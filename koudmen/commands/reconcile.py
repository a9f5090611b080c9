"""`koudmen reconcile`: take in what the carrier has and we have not, now. The sweeper does it by itself."""

from collections.abc import Sequence

from base.errors import ConfigError
from koudmen.chores import Reconciler
from koudmen.cli import parser
from koudmen.runtime import make_runtime


def main(arguments: Sequence[str]) -> int:
    parser("reconcile").parse_args(arguments)
    runtime = make_runtime(pool_size=1)
    if runtime.settings.twilio is None:
        raise ConfigError("TWILIO_ACCOUNT_SID is not set: there is no carrier to ask")
    print(f"taken in: {Reconciler(runtime).look()} messages that had never arrived")
    return 0
