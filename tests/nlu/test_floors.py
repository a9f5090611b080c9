"""No figure of understanding falls below what was once reached (nlu/eval/floors.json)."""

import subprocess
from pathlib import Path

import pytest

from tests.nlu.environment import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1000)  # it reads ten thousand sentences twice
def test_no_figure_is_below_its_recorded_floor() -> None:
    done = subprocess.run(
        [ROOT / "nlu/.venv/bin/python", ROOT / "nlu/eval/run.py", "--quick"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    fallen = [line for line in done.stdout.splitlines() if "BELOW ITS FLOOR" in line]
    assert (done.returncode, fallen) == (0, []), done.stderr[-1000:]


RECORD = """
import json
from pathlib import Path
from eval import floors
from eval.figures import Figure
floors.FLOORS = Path(sys.argv[1])
for heard, alarms in ((0.9, 0.2), (0.8, 0.3), (0.95, 0.1)):
    floors.record([Figure("heard", "en", heard, 1000, (0, 1)), Figure("alarms", "en", alarms, 1000, (0, 1), low=True)])
    print(json.dumps(floors.load()))
print(floors.fallen([Figure("heard", "en", 0.93, 1000, (0, 1)), Figure("alarms", "en", 0.11, 1000, (0, 1), low=True)],
                    floors.load()))
"""


def test_a_record_makes_floors_tighter_and_never_looser(tmp_path: Path) -> None:
    told = run(RECORD, str(tmp_path / "floors.json"))
    first, worse, better, fallen = told.splitlines()
    assert first == worse == '{"alarms / en": 0.21, "heard / en": 0.89}'
    assert better == '{"alarms / en": 0.11, "heard / en": 0.94}'
    assert "heard / en: 0.9300" in fallen
    assert "alarms" not in fallen
