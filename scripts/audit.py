"""Known faults in the libraries we use: `make audit`.

pip-audit looks up what both environments have installed, at PyPI or, when PyPI does not know, at osv.dev. Exit code 0:
every library was looked up and the service's have no known fault. 1: one of the service's has. 3: NOT AUDITED, for
neither could be asked about every library; with --or-say-so this is said as loudly and the code is 0.

Rasa 3.6 needs old libraries: what is known about them is listed and does not fail (SECURITY.md, "dependencies").
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("pypi", "osv")
OURS = {"koudmen", "koudmen-nlu"}
CLEAN, FAULTY, NOT_AUDITED = 0, 1, 3


@dataclass
class Seen:
    """One environment: what was looked up, what could not be, and `library version: id` of what is known."""

    name: str
    looked_up: int = 0
    not_found: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def audited(self) -> bool:
        return self.looked_up > 0 and not self.not_found


def read(name: str, report: str) -> Seen:
    """pip-audit's JSON. What is no JSON (it could not ask at all) is an environment with nothing looked up."""
    seen = Seen(name)
    try:
        libraries = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return seen
    for one in libraries:
        if one["name"].lower() in OURS:
            continue
        if "skip_reason" in one:
            seen.not_found.append(one["name"])
            continue
        seen.looked_up += 1
        seen.faults += [f"{one['name']} {one['version']}: {known['id']}" for known in one["vulns"]]
    return seen


def ask(name: str, where: Sequence[str]) -> Seen:
    """The best answer of the services, the first complete one."""
    best = Seen(name)
    for service in SERVICES:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *where, "--progress-spinner", "off", "-f", "json", "-s", service],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seen = read(name, done.stdout)
        if seen.audited:
            return seen
        best = max(best, seen, key=lambda one: one.looked_up)
    return best


def told(seen: Sequence[Seen]) -> tuple[int, list[str]]:
    """The exit code and the lines to print; the first environment is the service's."""
    lines, code = [], CLEAN
    for one in seen:
        lines += [f"audit: {one.name}: {fault}" for fault in one.faults]
        if one.audited:
            lines.append(f"audit: {one.name}: {one.looked_up} libraries looked up, {len(one.faults)} known faults")
        else:
            unknown = f"{len(one.not_found)} of its libraries" if one.looked_up else "it"
            lines.append(
                f"NOT AUDITED: {one.name}: the advisory service is not reachable, nothing is known about {unknown}"
            )
            code = NOT_AUDITED
    return (FAULTY if seen[0].faults else code), lines


def main() -> int:
    options = argparse.ArgumentParser(description="known faults in the libraries we use")
    options.add_argument("--or-say-so", action="store_true", help="exit code 0 when no service can be asked")
    or_say_so = options.parse_args().or_say_so
    theirs = [str(path) for path in (ROOT / "nlu" / ".venv" / "lib").glob("python3.*/site-packages")]
    code, lines = told(
        [
            ask("the service's environment (.venv)", ["--local", "--skip-editable"]),
            ask("Rasa's environment (nlu/.venv)", [word for path in theirs for word in ("--path", path)]),
        ]
    )
    print("\n".join(lines), flush=True)
    return CLEAN if or_say_so and code == NOT_AUDITED else code


if __name__ == "__main__":
    sys.exit(main())
