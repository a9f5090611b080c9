"""The comparison: Rasa's own server and its REST channel, with the same model and fixed replies.

It keeps conversations in its memory, checks no signature, looks nothing up and writes nothing down. One process, as
`rasa run` starts it.
"""

import itertools
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import urllib3

from base.settings import load_settings
from koudmen.nlu import PYTHON
from tests.bench import rasa_project
from tests.bench.load import percentile
from tests.bench.messages import Letter
from tests.bench.usage import Usage
from tests.service import free_port, wait_until

PATIENCE_S = 120


@dataclass(frozen=True)
class Rest:
    """What was measured: messages a second, the seconds each answer took (sorted), how many got no reply,
    and the processor time and the share of the machine that others took, as in a run of ours."""

    per_s: float
    waits: list[float]
    silent: int
    cpu_ms: dict[str, float]
    others: float

    def reply_s(self, percent: float) -> float:
        return percentile(self.waits, percent)


def measure(folder: Path, warm: list[Letter], letters: list[Letter], connections: int) -> Rest:
    """Start it, post `warm`, then `letters` over so many connections, each from a sender of its own."""
    rasa_project.write(folder)
    archive = rasa_project.model(folder, load_settings().home / "bench")
    with (
        _served(folder, archive) as (url, pid),
        urllib3.PoolManager(maxsize=connections, retries=False, timeout=30) as http,
    ):
        wait_until(lambda: _answers(http, url), f"Rasa's REST channel answers ({folder / 'rasa.log'})", PATIENCE_S)
        _post_all(http, url, warm, connections, pid)
        measured = _post_all(http, url, letters, connections, pid)
    if measured.silent == len(letters):
        raise RuntimeError("Rasa's REST channel gave no reply at all: there is nothing to compare with")
    return measured


@contextmanager
def _served(folder: Path, archive: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    command = [
        str(PYTHON), "-m", "rasa", "run", "--enable-api", "--model", str(archive), "--credentials", "credentials.yml",
        "--interface", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with (folder / "rasa.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=rasa_project.environment(), stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}/webhooks/rest/webhook", process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(http: urllib3.PoolManager, url: str) -> bool:
    try:
        return _ask(http, url, Letter("ready?", "bonjou"))
    except urllib3.exceptions.HTTPError:
        return False


def _ask(http: urllib3.PoolManager, url: str, letter: Letter) -> bool:
    """Post one message, in the form our service asks Rasa in; True when a reply came back."""
    body = orjson.dumps({"sender": letter.sender, "message": f"ht|{letter.text}"})
    answer = http.request("POST", url, body=body, headers={"Content-Type": "application/json"})
    return answer.status == 200 and bool(orjson.loads(answer.data))


def _post_all(http: urllib3.PoolManager, url: str, letters: list[Letter], connections: int, pid: int) -> Rest:
    numbers, waits, replied = itertools.count(), [0.0] * len(letters), [False] * len(letters)

    def work() -> None:
        while (n := next(numbers)) < len(letters):
            begun = time.monotonic()
            replied[n] = _ask(http, url, letters[n])
            waits[n] = time.monotonic() - begun

    usage, begun = Usage({"rasa": pid}), time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    per_s = sum(replied) / (time.monotonic() - begun)
    return Rest(per_s, sorted(waits), replied.count(False), usage.ms_each(len(letters)), usage.others())
