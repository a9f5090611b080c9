"""Learned models: kept, put in a running Rasa under load, brought back; a worse one is refused."""

import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
import urllib3

from base.errors import Refused
from bot.rasa import Parsed, Rasa
from koudmen import nlu_versions
from koudmen.commands import nlu
from koudmen.nlu import PYTHON, started_rasa
from tests.conftest import make_settings
from tests.service import wait_until


def trained(home: Path, inputs: dict[str, str] | None = None) -> Path:
    """A folder as nlu/train.py leaves it, with a copy of the shipped model."""
    made = home / "made"
    made.mkdir(parents=True)
    shutil.copy(nlu_versions.SHIPPED, made / nlu_versions.MADE)
    hashes = {
        f"nlu/{path.relative_to(nlu_versions.NLU)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [nlu_versions.NLU / "config.yml", *sorted((nlu_versions.NLU / "components").glob("*.py"))]
    }
    model = hashlib.sha256(nlu_versions.SHIPPED.read_bytes()).hexdigest()
    note = {"model": model, "inputs": hashes if inputs is None else inputs}
    (made / nlu_versions.NOTE).write_text(json.dumps(note), encoding="utf-8")
    return made


def version(home: Path, name: str, *, inputs: dict[str, str] | None = None) -> Path:
    """Keep a copy of the shipped model as a version."""
    return nlu_versions.keep(home, trained(home, inputs), name, {"examples": 1})


def test_without_versions_the_shipped_model_is_used(tmp_path: Path) -> None:
    assert nlu_versions.model_in_use(tmp_path) == nlu_versions.SHIPPED
    assert [one["name"] for one in nlu_versions.versions(tmp_path)] == ["shipped"]
    with pytest.raises(Refused):
        nlu_versions.step_back(tmp_path)


def test_forward_and_back(tmp_path: Path) -> None:
    for name in ("20261123-100000", "20261124-100000"):
        archive = version(tmp_path, name)
        assert nlu_versions.model_in_use(tmp_path) != archive
        nlu_versions.use(tmp_path, name)
        assert nlu_versions.model_in_use(tmp_path) == archive
    assert [one["used"] for one in nlu_versions.versions(tmp_path)] == [False, False, True]
    assert nlu_versions.step_back(tmp_path) == "20261123-100000"
    assert nlu_versions.step_back(tmp_path) == "shipped"


def test_a_version_of_other_code_or_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    version(tmp_path, "old", inputs={"nlu/config.yml": "0" * 64})
    damaged = version(tmp_path, "torn")
    damaged.write_bytes(damaged.read_bytes()[:1000])
    for name in ("old", "torn"):
        nlu_versions.use(tmp_path, name)
        assert nlu_versions.model_in_use(tmp_path) == nlu_versions.SHIPPED


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with nlu_versions.alone(tmp_path), pytest.raises(Refused), nlu_versions.alone(tmp_path):
        pass


@pytest.fixture(scope="module")
def own_rasa() -> Iterator[tuple[str, str]]:
    """A Rasa that this file may change."""
    with started_rasa() as found:
        yield found


def _model_file(url: str, token: str) -> str:
    return str(orjson.loads(urllib3.request("GET", f"{url}/status?token={token}").data)["model_file"])


def test_swapped_under_load_and_every_text_is_answered_or_left_to_the_keywords(
    own_rasa: tuple[str, str], tmp_path: Path
) -> None:
    url, token = own_rasa
    archive = version(tmp_path, "new")
    client = Rasa(url, token, timeout=timedelta(seconds=10), failures=3, pause=timedelta(milliseconds=50))
    done, errors = threading.Event(), list[Exception]()
    answers: list[list[Parsed | None]] = [[] for _ in range(3)]

    def ask(worker: int) -> None:
        while not done.is_set():
            number = len(answers[worker])
            try:
                answers[worker].append(client.parse(f"i need food number {worker} {number}", "en"))
            except Exception as error:  # noqa: BLE001 (any would be a lost message)
                errors.append(error)
                return

    def each_answered_after(before: list[int]) -> bool:
        """An error ends the waiting at once: it is asserted below."""
        heard = [any(some[first:]) for some, first in zip(answers, before, strict=True)]
        return bool(errors) or all(heard)

    workers = [threading.Thread(target=ask, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    try:
        wait_until(lambda: each_answered_after([0, 0, 0]), "each worker has an answer", 60)
        nlu_versions.put_in(url, token, archive)
        swapped = [len(some) + 1 for some in answers]  # the one under way may be of the old model
        wait_until(lambda: each_answered_after(swapped), "each worker has an answer of the new model", 60)
    finally:
        done.set()
        for worker in workers:
            worker.join()
    assert errors == []
    assert all(parsed is None or parsed.need == "food" for some in answers for parsed in some)
    assert _model_file(url, token) == archive.name


def test_a_judged_model_is_put_in_and_taken_back_by_command(
    own_rasa: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, token = own_rasa
    settings = make_settings(tmp_path, RASA_URL=url, RASA_TOKEN=token)
    nlu.put_in_use(settings, trained(tmp_path), {"examples": 2, "figures": {}})
    used = nlu_versions.name_in_use(tmp_path)
    assert _model_file(url, token) == f"{used}.tar.gz"
    nlu._list(settings)
    assert f"* {used}    2 examples from people" in capsys.readouterr().out
    nlu._rollback(settings)
    assert _model_file(url, token) == nlu_versions.SHIPPED.name


def test_a_model_that_does_not_load_leaves_the_old_one_answering(own_rasa: tuple[str, str], tmp_path: Path) -> None:
    url, token = own_rasa
    before = _model_file(url, token)
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(b"no archive")
    with pytest.raises(Refused):
        nlu_versions.put_in(url, token, broken)
    client = Rasa(url, token, timeout=timedelta(seconds=10), failures=3, pause=timedelta(seconds=1))
    assert client.parse("i need food today", "en") is not None
    assert _model_file(url, token) == before


def test_a_model_that_hears_less_is_refused(tmp_path: Path) -> None:
    script = nlu_versions.NLU / "eval" / "judge.py"
    texts = json.loads(subprocess.run([PYTHON, script, "--texts"], check=True, stdout=subprocess.PIPE).stdout)
    line = {"language": "en", "intent": "disclose", "need": "food", "concern": "danger", "severity": "high",
            "place": None, "confidence": 1.0, "source": "model"}  # fmt: skip
    good, deaf = tmp_path / "good.json", tmp_path / "deaf.json"
    good.write_text(json.dumps(dict.fromkeys(texts, line)), encoding="utf-8")
    deaf.write_text(json.dumps(dict.fromkeys(texts, line | {"concern": None})), encoding="utf-8")
    assert nlu._run_judge("--before", str(good), "--after", str(good))["worse"] == []
    worse = nlu._run_judge("--before", str(good), "--after", str(deaf))["worse"]
    assert any(sentence.startswith("child_abuse: 0 heard") for sentence in worse)
    assert nlu._run_judge("--before", str(deaf), "--after", str(good))["worse"]  # alarms at everything
