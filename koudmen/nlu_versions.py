"""The models of this home: the one that ships, those trained from approved examples, and which is in use.

`<home>/nlu/versions/<name>/` holds `<name>.tar.gz` and `current.json` (what nlu/train.py writes, and the figures);
`<home>/nlu/use.json` lists the names that were put in use, the last being in use. Each file is replaced whole. A
version made with other components than the code's is passed over: it could not be loaded.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import urllib3

from base.errors import Refused
from base.settings import ROOT

NLU = ROOT / "nlu"
SHIPPED = NLU / "models" / "current.tar.gz"
MADE, NOTE, USE = "current.tar.gz", "current.json", "use.json"
SHIPPED_NAME = "shipped"
LOAD_S = 60


def folder(home: Path) -> Path:
    """Where this home's own versions are."""
    return home / "nlu" / "versions"


def archive(home: Path, name: str) -> Path:
    """The model of one of this home's versions. Rasa tells the file's name at /status: so it says which it has."""
    return folder(home) / name / f"{name}.tar.gz"


def model_in_use(home: Path) -> Path:
    """The archive to serve: the newest put in use that fits the code, else the one that ships."""
    name = _chosen(home, history(home))
    return SHIPPED if name == SHIPPED_NAME else archive(home, name)


def name_in_use(home: Path) -> str:
    """The name of that version."""
    return _chosen(home, history(home))


def history(home: Path) -> list[str]:
    """The versions put in use, in order; the shipped one is below all."""
    try:
        names = json.loads((home / "nlu" / USE).read_text(encoding="utf-8"))["history"]
    except (OSError, ValueError, KeyError):
        return []
    return [str(name) for name in names]


def versions(home: Path) -> list[dict[str, Any]]:
    """Every version: name, whether it is in use, whether it fits the code, and the note it was kept with."""
    used = name_in_use(home)
    found: list[dict[str, Any]] = [{"name": SHIPPED_NAME, "used": used == SHIPPED_NAME, "fits": True, "note": {}}]
    for path in sorted(folder(home).glob("*/")) if folder(home).is_dir() else ():
        if (path / NOTE).is_file():
            note = json.loads((path / NOTE).read_text(encoding="utf-8"))
            found.append({"name": path.name, "used": used == path.name, "fits": _fits(path), "note": note})
    return found


def keep(home: Path, made: Path, name: str, told: dict[str, Any]) -> Path:
    """Keep what nlu/train.py wrote to `made` as a version, with what is `told` of it; gives its archive."""
    note = json.loads((made / NOTE).read_text(encoding="utf-8")) | told
    (made / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    target = folder(home) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (made / MADE).rename(made / f"{name}.tar.gz")
    shutil.move(made, target)
    return archive(home, name)


def use(home: Path, name: str) -> None:
    """Put a version in use from the next start on (`put_in` does it in a running Rasa)."""
    _write(home, [*history(home), name])


def step_back(home: Path) -> str:
    """Put the version in use that was in use before; gives its name. Refused at the shipped one."""
    names, used = history(home), name_in_use(home)
    if used == SHIPPED_NAME:
        raise Refused("the model that ships is in use: there is nothing to go back to")
    while _chosen(home, names) == used:
        names = names[:-1]
    _write(home, names)
    return name_in_use(home)


def put_in(url: str, token: str | None, model: Path) -> None:
    """Have a running Rasa on this machine load a model. It goes on answering with the old one until the new is ready.
    Refused when it does not load: the old one then goes on."""
    http = urllib3.PoolManager(timeout=urllib3.Timeout(total=LOAD_S), retries=False)
    try:
        answer = http.request(
            "PUT", f"{url.rstrip('/')}/model" + (f"?token={token}" if token else ""),
            body=orjson.dumps({"model_file": str(model.resolve())}), headers={"Content-Type": "application/json"},
        )  # fmt: skip
    except urllib3.exceptions.HTTPError as error:
        raise Refused(f"Rasa could not be reached ({type(error).__name__}): it goes on with the model it has") from None
    if answer.status != 204:
        raise Refused(f"Rasa did not take the model (status {answer.status}): it goes on with the one it has")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One command at a time changes the models of a home. Refused while another does."""
    (home / "nlu").mkdir(parents=True, exist_ok=True)
    with (home / "nlu" / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused("another command is at work on the models") from None
        yield


def _chosen(home: Path, names: list[str]) -> str:
    """What is in use after a history of these names."""
    for name in reversed(names):
        if name == SHIPPED_NAME or _fits(folder(home) / name):
            return name
    return SHIPPED_NAME


def _write(home: Path, names: list[str]) -> None:
    path = home / "nlu" / USE
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"history": names}) + "\n", encoding="utf-8")
    os.replace(draft, path)


def _fits(path: Path) -> bool:
    """Whether a version is whole and was made by these very components and settings."""
    try:
        note = json.loads((path / NOTE).read_text(encoding="utf-8"))
        inputs = {name: value for name, value in note["inputs"].items() if name.startswith("nlu/")}
        whole = hashlib.sha256((path / f"{path.name}.tar.gz").read_bytes()).hexdigest() == note["model"]
        return whole and all(_hash(ROOT / name) == value for name, value in inputs.items())
    except (OSError, ValueError, KeyError):
        return False


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
