"""No figure of understanding falls below what was once reached (nlu/eval/floors.json)."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_no_figure_is_below_its_recorded_floor() -> None:
    done = subprocess.run(
        [ROOT / "nlu/.venv/bin/python", ROOT / "nlu/eval/run.py", "--quick"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    fallen = [line for line in done.stdout.splitlines() if "BELOW ITS FLOOR" in line]
    assert (done.returncode, fallen) == (0, []), done.stderr[-1000:]
