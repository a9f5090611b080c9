"""Makes `vocabulary/ht.json` from labelled messages to 4636, whose words may be learnt from but not passed on.

    KOUDMEN_EVAL_DATA=/folder nlu/.venv/bin/python nlu/vocabulary/make.py

The folder has mission4636_dev.csv. In: `labels.csv` here (ids and labels, no words) and `nlu/data`. Out: the weights of
terms, none of them in fewer than FEWEST messages, none with a digit, and no name of a person or place that can be told
as one. What a term weighs is what it adds to the model trained on `nlu/data`; the training examples of the language
take part as held-out texts, so that what people ask for elsewhere is not forgotten. Takes about five minutes. Never
reads the messages of the evaluation sets (their ids are not in labels.csv; it stops when one is).
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from components.features import Vectoriser, analyse  # noqa: E402 (found by the path set above)
from components.labels import DISCLOSE, FIND, NONE, split_label  # noqa: E402
from components.normalise import normalise  # noqa: E402
from components.reader import Options, Reader  # noqa: E402
from components.vocabulary import Vocabulary, groups  # noqa: E402
from eval.compare import read_examples  # noqa: E402

LANGUAGE = "ht"
FEWEST = 4  # messages of different ids that a term must be in
SMALL = 0.08  # a term whose weights are all smaller is left out
CAPITALS = 0.5  # a word written with a capital inside this share of sentences is taken for a name
ENOUGH = 100  # messages that ask for a need (or for none); of a need with fewer nothing is learnt
HOLD = 0.4  # against large weights
SHARE, WEIGHT = 0.14, 0.7  # of the training examples that take part, and how much each counts beside a message
SEED = 4638
ABOUT = (
    "Weights of words, pairs of words and character n-grams (hundredths: idf, then one for each answer) for what a "
    "Haitian Creole message asks for. Made by nlu/vocabulary/make.py from {messages} messages to 4636 (Haiti, 2010) "
    "whose ids and labels are in labels.csv. Statistics of words: a term stands in at least {fewest} messages, has no "
    "digit and is no name that could be told as one; no order of words beyond pairs is kept, so no message can be put "
    "together from it. The messages themselves have no licence and are not in this repository."
)
NAMES = frozenset(
    """ambroise artibonite avenue aviation avni ayiti beni bizoton bolos bolosse bon boudon boukan bouke bouquets
    bourdon canaan cap carrefour cayes charles chili chouchou christ clercine croix dalma damien daniel
    debisi debussy delma delmas desalin dessalines digicel dikini diquini domeng dominikani emmanuel evens
    fjak fontamara frantz goave gonaives gonayiv gran grangwav gressier gresye gwav haiti haitien impasse
    jacmel jacques jakmel james jan jean jeremi jeremie john jonas joseph jozef kafou kanaran kap kerby
    kerline kfou klesin klsin kristwa kwa kwadbouk kwadebouk kwadebouke lagonav lakay lamentin laplenn
    latibonit leogane leogann lestere leyogan louis luckner lwil mackenson magloire mak marc mari mariani
    marie martissant maryani matisan mibale michel miragwan missions mon nadege nazon okap okay pap paul
    pestel petigwav petion petyon petyonvil pierre plaine plenn port potoprens potoprins prince pye repo
    repos ri riyl roi ronald rose rue saint santo sen sendomeng senmak serin site sitesoley soleil soley st
    ste taba tabarre thor tigwav tijo tor turgeau vil ville voila waney wilson zone""".split()
)  # frequent ones that are typed in small letters; "kay", "lekol" and the like are no names
WORD = re.compile(r"[^\W\d_]+")


def labelled(folder: Path) -> list[tuple[str, list[str], str]]:
    """The labelled messages as typed, the needs and the concern ("" for none) of each. ValueError when one belongs to
    an evaluation set."""
    with (folder / "mission4636_dev.csv").open(encoding="utf-8", newline="") as lines:
        words = {line["id"]: line["original"] for line in csv.DictReader(lines)}
    with (HERE / "labels.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    apart = {
        line["id"]
        for path in (HERE.parent / "eval" / "dev").glob("mission4636_*.csv")
        for line in csv.DictReader(path.open(encoding="utf-8", newline=""))
    }
    if both := sorted(apart & {row["id"] for row in rows}):
        raise ValueError(f"messages of an evaluation set are labelled here too: {' '.join(both)}")
    rows = [row for row in rows if row["language"] == LANGUAGE and row["id"] in words]
    return [(words[row["id"]], row["need"].split("|") if row["need"] else [], row["concern"]) for row in rows]


def named(texts: list[str]) -> frozenset[str]:
    """Words that are written with a capital inside sentences so often that they must be names."""
    capital: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for text in texts:
        words = WORD.findall(text)
        if sum(word.isupper() for word in words) * 2 > len(words):
            continue
        for word in words[1:]:
            whole[word.lower()] += 1
            capital[word.lower()] += word[0].isupper()
    return NAMES | {word for word, count in whole.items() if capital[word] >= CAPITALS * count}


def choose_terms(texts: list[str], names: frozenset[str]) -> Vectoriser:
    """The terms of normalised texts that may be told; character n-grams only as parts of words that may be."""
    shown: Counter[str] = Counter()
    for text in texts:
        shown.update({word for word in text.split() if word not in names and word.isalpha()})
    known = {word for word, count in shown.items() if count >= FEWEST}
    parts = {gram for word in known for gram in analyse(word, None)[1]}
    seen: Counter[str] = Counter()
    for text in texts:
        words, grams, _ = analyse(text, None)
        seen.update({term for term in words if all(word in known for word in term[1:].split())})
        seen.update({gram for gram in grams if gram in parts})
    terms = sorted(term for term, count in seen.items() if count >= FEWEST)
    idf = [math.log((1 + len(texts)) / (1 + seen[term])) + 1.0 for term in terms]
    return Vectoriser(terms, np.array(idf, dtype=np.float32))


def fit(
    rows: sparse.csr_matrix, right: np.ndarray, before: np.ndarray, counts: np.ndarray, learnt: np.ndarray
) -> np.ndarray:
    """The weights (terms, answers) that make one of the `right` answers likeliest, added to the log probabilities
    `before`; `counts` is how much each row counts. Those of answers that are not `learnt` (1 or 0) stay 0."""
    shape, turned = (rows.shape[1], right.shape[1]), rows.T.tocsr()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        powers = before + rows @ weights
        powers = np.exp(powers - powers.max(axis=1, keepdims=True))
        guess = powers / powers.sum(axis=1, keepdims=True)
        hit = (guess * right).sum(axis=1) + 1e-12
        slope = (guess - guess * right / hit[:, None]) * counts[:, None]
        value = -(counts * np.log(hit)).sum() + HOLD / 2 * (flat**2).sum()
        return float(value), np.asarray((turned @ slope + HOLD * weights) * learnt).ravel()

    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x.reshape(shape))


class Beside:
    """What the model of written examples says, in the answers of a vocabulary."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.answers = [name.removeprefix(FIND) for name in reader.wanted.names if name.startswith(FIND)] + [NONE]
        self.group = groups(reader.wanted.names, self.answers)

    def logs(self, wanted: np.ndarray, concern: np.ndarray) -> np.ndarray:
        """The log probability of each answer where no harm is told, from the margins of many texts."""
        calm = self.reader.joint.probabilities(wanted, concern)[:, :, self.reader.concern.names.index(NONE)]
        summed = np.stack([calm[:, self.group == i].sum(axis=1) for i in range(len(self.answers))], axis=1)
        return np.asarray(np.log(summed / summed.sum(axis=1, keepdims=True) + 1e-6))

    def of_texts(self, texts: list[str]) -> np.ndarray:
        """The same for normalised texts."""
        rows = [self.reader.vectoriser.row(text, LANGUAGE) for text in texts]
        both = [(self.reader.wanted.margins(*row), self.reader.concern.margins(*row)) for row in rows]
        return self.logs(np.array([one for one, _ in both]), np.array([two for _, two in both]))

    def right(self, needs: list[list[str]]) -> np.ndarray:
        """1 for each answer that is right."""
        found = np.zeros((len(needs), len(self.answers)))
        for row, wanted in zip(found, needs):  # noqa: B905
            row[[self.answers.index(need) for need in wanted or [NONE]]] = 1.0
        return found


def options() -> Options:
    """The settings of the chosen pipeline."""
    from ruamel.yaml import YAML  # noqa: PLC0415

    told: dict[str, Any] = YAML(typ="safe").load(HERE.parent / "config.yml")["pipeline"][-1]
    return Options(**{name: told.get(name, value) for name, value in vars(Options()).items()})


def main() -> int:
    """The command line; returns the exit code."""
    folder = os.environ.get("KOUDMEN_EVAL_DATA")
    if not folder:
        print("make: KOUDMEN_EVAL_DATA is not set", file=sys.stderr)
        return 2
    found = labelled(Path(folder))
    typed, needs = [text for text, _, _ in found], [theirs for _, theirs, _ in found]
    texts = [normalise(text, LANGUAGE) for text in typed]
    reader, held = Reader.fit_and_tell(read_examples(HERE.parent / "data"), options())
    beside, dice = Beside(reader), np.random.default_rng(SEED)
    own = [
        i
        for i, copy in enumerate(held.copies)
        if copy.language == LANGUAGE and not copy.label.startswith(DISCLOSE) and dice.random() < SHARE
    ]
    asked = [split_label(held.copies[i].label)[0] for i in own]
    right = beside.right(needs + [[want.removeprefix(FIND)] if want.startswith(FIND) else [] for want in asked])
    before = np.vstack([beside.of_texts(texts), beside.logs(held.wanted[own], held.concern[own])])
    counts = np.concatenate([np.ones(len(texts)), np.full(len(own), WEIGHT)])
    everything = [(text, None) for text in texts + [held.copies[i].text for i in own]]
    vectoriser = choose_terms(texts, named(typed))
    learnt = (right[: len(texts)].sum(axis=0) >= ENOUGH).astype(float)
    weights = fit(vectoriser.matrix(everything), right, before, counts, learnt)
    kept = np.flatnonzero(np.abs(weights).max(axis=1) >= SMALL)
    terms = vectoriser.terms
    vectoriser = Vectoriser([terms[i] for i in kept], vectoriser.idf[kept])
    weights = fit(vectoriser.matrix(everything), right, before, counts, learnt)
    told = Vocabulary(beside.answers, vectoriser, weights).as_json()
    write(told, len(texts))
    print(f"make: {len(kept)} terms from {len(texts)} messages and {len(own)} training examples")
    return 0


def write(told: dict[str, Any], messages: int) -> None:
    """One term a line, so that a change can be read."""
    about = json.dumps(ABOUT.format(messages=messages, fewest=FEWEST))
    lines = ",\n".join(
        f"{json.dumps(term, ensure_ascii=False)}: {json.dumps(row, separators=(',', ':'))}"
        for term, row in told["terms"].items()
    )
    text = f'{{"about": {about},\n"answers": {json.dumps(told["answers"])},\n"terms": {{\n{lines}\n}}}}\n'
    (HERE / f"{LANGUAGE}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
