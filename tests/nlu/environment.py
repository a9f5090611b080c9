"""Scripts in Rasa's environment, which the tests' own does not share."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN = 'import sys\nsys.path.insert(0, "nlu")\n'


def run(script: str, *arguments: str) -> str:
    """What a script that may import `components` prints; CalledProcessError when it fails."""
    done = subprocess.run(
        [ROOT / "nlu/.venv/bin/python", "-c", BEGIN + script, *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=240,
    )  # fmt: skip
    return done.stdout
