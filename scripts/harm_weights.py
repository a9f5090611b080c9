"""Makes bot/data/harm_weights.json from the training examples: what the words of a message weigh for each concern.

    nlu/.venv/bin/python scripts/harm_weights.py

Run it after the training data changed much; takes about two minutes. Examples put together from two (a greeting, a
story before it) take part, as in the model of Rasa.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "nlu")]

from components.composites import Part, compose  # noqa: E402 (found by the path set above)
from components.labels import split_label  # noqa: E402
from components.normalise import normalise  # noqa: E402
from eval.compare import read_examples  # noqa: E402
from sklearn.feature_extraction import DictVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from bot.harm_words import WEIGHTS, features  # noqa: E402

FEWEST = 3  # examples that a term must be in
COST, SEED = 30.0, 4639
SMALL = 60  # hundredths: a term that adds less than this to every answer is left out
ABOUT = "Made by scripts/harm_weights.py from nlu/data: hundredths that a word, a pair or a part of a word adds."


def main() -> None:
    """Train, prune, write."""
    examples = read_examples(ROOT / "nlu" / "data")
    texts = [(normalise(e.text, e.language), e.label) for e in examples]
    parts = [Part(e.text, e.language, e.label, 0) for e in examples]
    texts += [(normalise(text, examples[number].language), label) for number, text, label in compose(parts)]
    answers = [split_label(label)[1] for _, label in texts]
    vectors = DictVectorizer()
    rows = vectors.fit_transform(features(text) for text, _ in texts)
    kept = np.flatnonzero(np.asarray((rows > 0).sum(axis=0)).ravel() >= FEWEST)
    names = vectors.get_feature_names_out()[kept]
    model = LogisticRegression(C=COST, max_iter=60, random_state=SEED)
    model.fit(rows[:, kept], answers)
    weights = np.rint(model.coef_ * 100).astype(int)
    told = {
        "about": ABOUT,
        "answers": list(map(str, model.classes_)),
        "bias": np.rint(model.intercept_ * 100).astype(int).tolist(),
        "terms": {str(n): weights[:, i].tolist() for i, n in enumerate(names) if abs(weights[:, i]).max() >= SMALL},
    }
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in told.pop("terms").items())
    WEIGHTS.write_text(json.dumps(told)[:-1] + f',\n"terms": {{\n{lines}\n}}}}\n', encoding="utf-8")
    sys.stdout.write(f"{lines.count(chr(10)) + 1} terms from {len(texts)} texts\n")


if __name__ == "__main__":
    main()
