"""The project's own files, as git would take them."""

import subprocess
from functools import cache
from pathlib import Path

from base.settings import ROOT

ROOMS = ("base", "messaging", "directory", "oncall", "bot", "webhooks", "dashboard", "koudmen")
_PRIVATE = {".git", ".venv", ".tools", ".koudmen", ".hypothesis", "__pycache__"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is in the repository or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.splitlines()]
    else:  # a copy without its history
        found = [path for path in ROOT.rglob("*") if not _PRIVATE & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file()))


def texts(*suffixes: str) -> dict[str, str]:
    """Path from the root -> text, of the files that are text."""
    found = {}
    for path in files():
        if suffixes and path.suffix not in suffixes:
            continue
        try:
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def product() -> dict[str, str]:
    """The Python files of the rooms."""
    return {name: text for name, text in texts(".py").items() if name.split("/")[0] in ROOMS}
