"""`python -m tests.bench.workers`: messages a second with 1 to N turn workers, and what each kind of process costs.

The whole service for each number, as fast as the webhooks are answered. Told is also how many processors were busy:
where that is all of them, more workers cannot help on this machine, and the processor time a message says what they
would bring on a larger one. The last line is one JSON object.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import load, report
from tests.bench.messages import People
from tests.bench.stack import running


def main(given: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench.workers", description=__doc__)
    options.add_argument("--most", type=int, default=4, help="turn workers at the end")
    options.add_argument("--messages", type=int, default=1000)
    chosen = options.parse_args(given)
    people, figures = People(), {}
    print(report.HEAD)
    for count in range(1, chosen.most + 1):
        with tempfile.TemporaryDirectory(prefix="koudmen-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
            with running(folder / "home", turn_workers=count) as stack:
                load.end_to_end(stack, people.write(200), 8)
                began, busy = time.monotonic(), 0.0
                run = load.end_to_end(stack, people.write(chosen.messages), 8)
                busy = sum(run.cpu_ms.values()) * chosen.messages / 1000 / (time.monotonic() - began)
        print(report.row(f"{count} turn workers", run))
        print(f"{report.costs(f'{count} turn workers', run)}\nprocessors busy with it: {busy:.2f} of {os.cpu_count()}")
        figures[count] = {
            "per_s": round(run.per_s, 1), "cpu_ms": round(sum(run.cpu_ms.values()), 2), "processors": round(busy, 2),
            "others": round(run.others, 2),
        }  # fmt: skip
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
