"""`koudmen directory duplicates`, `merge KEEP OTHER`, `unmerge OTHER` and `check`."""

import getpass
import uuid
from collections.abc import Sequence

from base import clock
from directory import duplicates, inspection, merging
from koudmen.cli import parser
from koudmen.runtime import at_the_database, noted


def main(arguments: Sequence[str]) -> int:
    options = parser("directory")
    options.add_argument("action", choices=["duplicates", "merge", "unmerge", "check"])
    options.add_argument("ids", nargs="*", type=uuid.UUID, help="merge: the one to KEEP, and the OTHER; unmerge: OTHER")
    options.add_argument("--by", default=getpass.getuser(), help="who has decided it; stands in the history")
    chosen = options.parse_args(arguments)
    if len(chosen.ids) != {"merge": 2, "unmerge": 1}.get(chosen.action, 0):
        options.error(f"{chosen.action} needs another number of ids")
    now = clock.now()
    with at_the_database() as (session, _):
        if chosen.action == "merge":
            print(merging.merge(session, *chosen.ids, by=chosen.by, at=now))
            noted(session, "directory merged", f"keep:{chosen.ids[0]}", other=str(chosen.ids[1]))
        elif chosen.action == "unmerge":
            print(f"{merging.unmerge(session, *chosen.ids, by=chosen.by, at=now)} changes taken back")
            noted(session, "directory merge undone", f"other:{chosen.ids[0]}")
        elif chosen.action == "duplicates":
            found = duplicates.find(session)
            print("\n".join([*map(str, found), f"{len(found)} proposals; a person decides"]))
        else:
            findings = inspection.inspect(session, now.astimezone(clock.DOMINICA).date())
            errors = sum(one.level == inspection.ERROR for one in findings)
            print("\n".join([*map(str, findings), f"{errors} errors, {len(findings) - errors} warnings"]))
            return 1 if errors else 0
    return 0
