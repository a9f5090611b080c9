"""A Rasa assistant with the project's own trained model and one fixed reply an intent, for Rasa's REST channel.

Only the rules are trained, beside a handful of sentences; then the weights of the trained model are put in the place
of the handful's, so that both sides of the comparison read with the very same model.
"""

import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

import yaml

from base.settings import ROOT
from koudmen.nlu import MODEL, PYTHON

NLU = ROOT / "nlu"
WEIGHTS = "components/train_components.two_heads.TwoHeadClassifier1"
QUIET = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
TRAIN_S = 180
FEW = {
    "greet": "bonjou / bonswa / alo / salu / bonjou koudmen / allo",
    "find_health": "m malad / m bezwen yon dokte / kote lopital la ye / tet mwen fe m mal / m gen lafyev / dokte",
    "find_food": "m grangou / m bezwen manje / kote yo bay manje / nou pa gen manje / manje pou timoun / grangou",
    "disclose_danger": "yo vle touye m / anmwe / li gen yon kouto / yo rale zam sou mwen / sekou / l ap touye m",
}


def environment() -> dict[str, str]:
    """For Rasa's own command line: our parts can be imported, and it is told nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RASA_", "KOUDMEN_", "TWILIO_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **QUIET, "PYTHONPATH": str(NLU)}


def write(folder: Path) -> None:
    """The project's files: pipeline and domain are ours, rules and replies are added."""
    config = yaml.safe_load((NLU / "config.yml").read_text(encoding="utf-8"))
    domain = yaml.safe_load((NLU / "domain.yml").read_text(encoding="utf-8"))
    answered = [name for name in domain["intents"] if not name.startswith(("find_", "disclose_"))]
    domain["responses"] = {f"utter_{name}": [{"text": f"The answer to {name}."}] for name in answered}
    rules = [{"rule": name, "steps": [{"intent": name}, {"action": f"utter_{name}"}]} for name in answered]
    few = [{"intent": name, "examples": "- " + text.replace(" / ", "\n- ") + "\n"} for name, text in FEW.items()]
    files = {
        "config.yml": {**config, "policies": [{"name": "RulePolicy"}]},
        "domain.yml": domain,
        "credentials.yml": {"rest": None},
        "data/rules.yml": {"version": "3.1", "rules": rules},
        "data/ht/few.yml": {"version": "3.1", "nlu": few},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def model(folder: Path, cache: Path) -> Path:
    """The archive to serve, from `cache` when it was made before from the same files. RuntimeError with Rasa's last
    words when it cannot be made."""
    digest = hashlib.sha256(MODEL.read_bytes() + Path(__file__).read_bytes())
    for path in sorted(folder.rglob("*.yml")):
        digest.update(path.read_bytes())
    kept = cache / f"rest-{digest.hexdigest()[:16]}.tar.gz"
    if not kept.exists():
        trained = _train(folder)
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in cache.glob("rest-*.tar.gz"):
            old.unlink()
        draft = kept.with_suffix(".new")
        _transplant(trained, folder / "whole", draft)
        draft.replace(kept)
    return kept


def _train(folder: Path) -> Path:
    command = [str(PYTHON), "-m", "rasa", "train", "--data", "data", "--out", "models", "--fixed-model-name", "rest"]
    done = subprocess.run(
        [*command, "--quiet"], cwd=folder, env=environment(), capture_output=True, text=True, check=False,
        timeout=TRAIN_S,
    )  # fmt: skip
    made = folder / "models" / "rest.tar.gz"
    if done.returncode or not made.exists():
        raise RuntimeError(f"Rasa's rules were not trained: {(done.stdout + done.stderr)[-800:]}")
    return made


def _transplant(trained: Path, scratch: Path, target: Path) -> None:
    """Write `trained` to `target` with the weights of the project's model in it."""
    with tarfile.open(trained) as archive:
        archive.extractall(scratch, filter="data")
    if not (scratch / WEIGHTS).is_dir():
        raise RuntimeError(f"Rasa's model has no {WEIGHTS}")
    with tarfile.open(MODEL) as archive:
        weights = [member for member in archive.getmembers() if member.isfile() and WEIGHTS in member.name]
        archive.extractall(scratch, weights, filter="data")
    with tarfile.open(target, "w:gz") as archive:
        archive.add(scratch, arcname="")
