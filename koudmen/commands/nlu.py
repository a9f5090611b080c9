"""`koudmen nlu train | list | rollback`: models that learn from what people wrote and two of the staff agreed on."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from base.clock import now
from base.db import transaction
from base.errors import ConfigError, Refused
from base.settings import Settings, load_settings
from bot import learning
from koudmen import nlu_versions
from koudmen.cli import parser
from koudmen.commands.classify import answer, classify
from koudmen.nlu import PYTHON, patient, started_rasa
from koudmen.runtime import make_runtime

Examples = Sequence[tuple[str, str, str]]
ASKING = 4  # texts asked for at once


def main(arguments: Sequence[str]) -> int:
    options = parser("nlu")
    options.add_argument("action", choices=["train", "list", "rollback"])
    action = options.parse_args(arguments).action
    if action == "list":
        return _list(load_settings())
    settings = load_settings()
    with nlu_versions.alone(settings.home):
        return _rollback(settings) if action == "rollback" else _train(settings)


def _list(settings: Settings) -> int:
    for version in nlu_versions.versions(settings.home):
        note, mark = version["note"], "*" if version["used"] else " "
        told = f"{note['examples']} examples from people" if "examples" in note else ""
        told += "" if version["fits"] else " (made by other code: not used)"
        print(f"{mark} {version['name']:<18} {told}".rstrip())
    return 0


def _rollback(settings: Settings) -> int:
    before = nlu_versions.name_in_use(settings.home)
    name = nlu_versions.step_back(settings.home)
    print(f"nlu: back from {before} to {name}")
    _tell_rasa(settings)
    return 0


def _train(settings: Settings) -> int:
    """Train with the approved examples, judge the model against the one in use, and put it in use. Exit code 1 and
    nothing changed when it is worse."""
    runtime = make_runtime(settings, pool_size=1)
    with transaction(runtime.sessions) as session:
        examples = learning.approved(session)
    if not examples:
        raise Refused("nobody has approved an example yet: there is nothing to learn")
    home = settings.home / "nlu"
    with tempfile.TemporaryDirectory(dir=home, prefix=".training-") as scratch:
        made = train(examples, Path(scratch))
        judged = judge(settings, nlu_versions.model_in_use(settings.home), made / nlu_versions.MADE, Path(scratch))
        for line in judged["worse"]:
            print(f"nlu: worse: {line}")
        if judged["worse"]:
            print("nlu: the new model is not used")
            return 1
        put_in_use(settings, made, {"examples": len(examples), "figures": judged["figures"]})
    return 0


def put_in_use(settings: Settings, made: Path, told: dict[str, Any]) -> None:
    """Keep a trained model with what is told of it, and have it used now and from every start on."""
    name = now().strftime("%Y%m%d-%H%M%S")
    nlu_versions.keep(settings.home, made, name, told)
    nlu_versions.use(settings.home, name)
    print(f"nlu: {name} learned from {told['examples']} approved examples and is in use")
    _tell_rasa(settings)


def train(examples: Examples, scratch: Path) -> Path:
    """A model of the project's examples and these, in a folder of `scratch`. ConfigError when training fails."""
    data, out = scratch / "data", scratch / "made"
    shutil.copytree(nlu_versions.NLU / "data", data)
    learning.export(examples, data)
    script = nlu_versions.NLU / "train.py"
    done = subprocess.run([PYTHON, script, "--data", data, "--out", out], check=False, stdout=sys.stderr)
    if done.returncode:
        raise ConfigError("training failed; the model in use stays")
    return out


def judge(settings: Settings, before: Path, after: Path, scratch: Path) -> dict[str, Any]:
    """Both models read the development set; nlu/eval/judge.py says what speaks against the second."""
    texts: list[str] = _run_judge("--texts")
    names = []
    for name, model in (("before", before), ("after", after)):
        path = scratch / f"{name}.json"
        path.write_text(json.dumps(_read(settings, model, texts)), encoding="utf-8")
        names += [f"--{name}", str(path)]
    found: dict[str, Any] = _run_judge(*names)
    return found


def _read(settings: Settings, model: Path, texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    rules = settings.config.understanding
    with started_rasa(model) as (url, token), ThreadPoolExecutor(ASKING) as pool:
        client = patient(url, token)
        return dict(pool.map(lambda text: (text, answer(text, classify([text], client, rules)[0])), texts))


def _run_judge(*arguments: str) -> Any:
    script = nlu_versions.NLU / "eval" / "judge.py"
    done = subprocess.run([PYTHON, script, *arguments], check=False, stdout=subprocess.PIPE)
    if done.returncode:
        raise ConfigError("the models could not be judged; the model in use stays")
    return json.loads(done.stdout)


def _tell_rasa(settings: Settings) -> None:
    """Swap the model in the running Rasa; without one it is used from the next start."""
    if settings.rasa_url:
        nlu_versions.put_in(settings.rasa_url, settings.rasa_token, nlu_versions.model_in_use(settings.home))
        print("nlu: the running Rasa has it")
