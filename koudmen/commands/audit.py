"""`koudmen audit`: the log of who saw and did what. `verify` reckons its chain again (exit 1 when an entry was changed,
put in or taken out) and tells count and newest hash, to be kept elsewhere; `export` writes it as JSON lines."""

import sys
from collections.abc import Sequence

import orjson

from base import audit
from koudmen.cli import parser
from koudmen.runtime import at_the_database, noted


def main(arguments: Sequence[str]) -> int:
    options = parser("audit")
    options.add_argument("action", choices=["verify", "export"])
    action = options.parse_args(arguments).action
    with at_the_database() as (session, _):
        if action == "export":
            for entry in audit.entries(session):
                print(orjson.dumps(audit.as_json(entry)).decode())
            noted(session, "log exported", "log", form="jsonl")
            return 0
        found = audit.verify(session)
    if not found.whole:
        print(f"audit: entry {found.broken_at} does not fit; {found.count} before it do", file=sys.stderr)
        return 1
    print(f"audit: {found.count} entries, whole; newest hash {found.head}")
    return 0
