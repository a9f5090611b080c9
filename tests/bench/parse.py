"""`python -m tests.bench.parse`: how fast Rasa reads, one process, the sentences of the development sets.

One client, one text after the other: milliseconds an answer. Then CLIENTS at once, then by the MANY in a request, as
the turn workers ask: texts a second. Nothing is remembered between them: each text goes to the model itself. The last
line is one JSON object. Aims (issue: understanding): p50 at most 6 ms, at least 200 texts a second.
"""

import csv
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import urllib3

from base.settings import ROOT
from koudmen.nlu import started_rasa

SETS, CLIENTS, MANY, WARM = ROOT / "nlu" / "eval", 4, 32, 50


def texts() -> list[str]:
    """Every written sentence, as the service asks about it."""
    found = []
    for path in sorted(SETS.glob("dev*/*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            found += [f"{row['language']}|{row['text']}" for row in csv.DictReader(lines) if "text" in row]
    return found


def main() -> int:
    wanted = texts()
    with started_rasa() as (url, token):
        http = urllib3.PoolManager(maxsize=CLIENTS, retries=False)

        def ask(path: str, body: object) -> float:
            began = time.perf_counter()
            answer = http.request("POST", f"{url}/model/{path}?token={token}", json=body)
            if answer.status != 200:
                raise RuntimeError(f"Rasa answered {answer.status}")
            return (time.perf_counter() - began) * 1000

        def one(text: str) -> float:
            return ask("parse", {"text": text})

        for text in wanted[:WARM]:
            one(text)
        alone = sorted(map(one, wanted))
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(one, wanted))
        together = time.perf_counter() - began
        began = time.perf_counter()
        for at in range(0, len(wanted), MANY):
            ask("parse_many", {"texts": wanted[at : at + MANY]})
        by_many = time.perf_counter() - began
    figures = {
        "texts": len(wanted),
        "p50_ms": round(statistics.median(alone), 2), "p95_ms": round(alone[len(alone) * 95 // 100], 2),
        f"per_s_{CLIENTS}_clients": round(len(wanted) / together), f"per_s_by_{MANY}": round(len(wanted) / by_many),
    }  # fmt: skip
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
