"""No secret stands in the repository: `make lint` looks through every file that git would take, with detect-secrets.

What looks like one and is none (a test's password, an example) stands in .secrets.baseline, by file, kind and hash,
so that it may move within its file. Something new fails with its file and line, never with its words:
  * a real secret: take it out, and change it where it is used, for git keeps what it has seen;
  * none: `# pragma: allowlist secret` at the end of its line, or `scripts/scan_secrets.py --accept`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / ".secrets.baseline"
# Hashes of packages and pictures look like keys; lists of words, and files of others, hold none and take long.
LEFT_OUT = re.compile(
    r"(^|/)uv\.lock$|\.(svg|png|po|pot|csv|woff2)$|^\.secrets\.baseline$|^bot/data/|^bot/safety/phrases/|^nlu/data/"
    r"|^tests/(fakes/data|directory/hsds_schema|directory/hsds_examples|conversations)/"
)
Found = set[tuple[str, str, str]]  # file, kind, hash


def files() -> list[str]:
    """The files that git has or would take, from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [name for name in listed if not LEFT_OUT.search(name) and (ROOT / name).is_file()]


def scan(names: Iterable[str], root: Path = ROOT) -> SecretsCollection:
    """What looks like a secret in these files."""
    found = SecretsCollection(root=str(root))
    with default_settings():
        found.scan_files(*names)
    return found


def accepted(found: SecretsCollection) -> dict[str, list[list[str]]]:
    """As the baseline holds it: file -> kind and hash of each."""
    told: dict[str, list[list[str]]] = {}
    for name, one in sorted(found, key=lambda pair: (pair[0], pair[1].type, pair[1].secret_hash)):
        told.setdefault(name, []).append([one.type, one.secret_hash])
    return told


def known() -> Found:
    """What was looked at and is no secret."""
    results = json.loads(BASELINE.read_text(encoding="utf-8"))
    return {(name, kind, hash_) for name, listed in results.items() for kind, hash_ in listed}


def new(found: SecretsCollection, known_ones: Found) -> list[str]:
    """`file:line: kind` of each that nobody has looked at."""
    return sorted(
        f"{name}:{one.line_number}: {one.type}"
        for name, one in found
        if (name, one.type, one.secret_hash) not in known_ones
    )


def main() -> int:
    found = scan(files())
    if "--accept" in sys.argv[1:]:
        BASELINE.write_text(json.dumps(accepted(found), indent=1) + "\n", encoding="utf-8")
        return 0
    told = new(found, known())
    for one in told:
        print(f"{one}: looks like a secret (scripts/scan_secrets.py says what to do)")
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
