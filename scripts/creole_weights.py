"""Learn what tells Kweyol from Haitian Creole: `nlu/.venv/bin/python scripts/creole_weights.py`.

Reads the project's own examples in nlu/data/{ht,acf}, each as written and without accents, and writes
bot/data/creole_weights.json: for each feature of `bot.creole.features` how much it speaks for Kweyol (above 0) or
Haitian Creole (below 0), in log units. Run it again after many new examples; the same examples give the same file.
"""

import json
import sys
import unicodedata
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.creole import WEIGHTS, features  # noqa: E402 (found by the path set above)

STRENGTH = 3.0  # of the fit; by trial on texts kept apart
SMALLEST = 0.05  # weights below are left out
LEAN = -0.35  # to Haitian Creole, which far more texters write: so are the written sets named as well as before


def examples(language: str) -> list[str]:
    """Every example of a language, and its copy without accents where it has some."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "nlu" / "data" / language).glob("*.yml")):
        for block in YAML(typ="safe").load(path)["nlu"]:
            for line in block["examples"].splitlines():
                text = line.strip().removeprefix("- ").lower()
                plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
                found.update(dict.fromkeys((text, plain)))
    return [text for text in found if text]


def main() -> None:
    """Fit and write."""
    texts = [(text, code == "acf") for code in ("ht", "acf") for text in examples(code)]
    vectors = DictVectorizer()
    rows = vectors.fit_transform([features(text) for text, _ in texts])
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000, random_state=4636)
    model.fit(rows, np.array([kweyol for _, kweyol in texts]))
    weights = dict(zip(vectors.get_feature_names_out(), model.coef_[0].tolist()))  # noqa: B905 (Python 3.10 has none)
    kept = {name: round(weight, 2) for name, weight in weights.items() if abs(weight) >= SMALLEST}
    kept["bias"] = round(float(model.intercept_[0]) + LEAN, 2)
    WEIGHTS.write_text(json.dumps(kept, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(kept)} features of {len(texts)} texts\n")


if __name__ == "__main__":
    main()
