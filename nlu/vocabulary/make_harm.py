"""Make `harm.json` and `meaning.json`: the second look that the model takes (en, ht, acf) before it raises a concern
alone, without and with the meaning of the text (`components/meaning.py`).

    KOUDMEN_EVAL_DATA=/folder nlu/.venv/bin/python nlu/vocabulary/make_harm.py

The folder has mission4636_dev.csv. In: `labels.csv` here (ids and labels) and `nlu/data`. Out: a table of what terms
say of harm (each stands in FEWEST_OWN training examples, or may be told of real messages by the rules of `make.py`),
the weights of what is looked at, and a shift for each language: as many disclosures that no phrase hears are raised as
the model raised by itself, all of them held out; and a net that tells harm from the meaning of a text, with the same.
Prints what that costs. Takes some 30 minutes, most of them the encoder's. Never reads the messages of the evaluation
sets.

How much each evidence counts is learnt from `voices.yml`, `pairs.yml` and `people_*.yml` above all: there harm and what
is near it and harmless are in balance and of one length, while in the older examples a longer text is more often one of
harm. What one writer of `people_*.yml` wrote is held out as a whole.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy import sparse

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import make  # noqa: E402 (found by the path set above)
from components.features import Vectoriser, analyse  # noqa: E402
from components.labels import NONE, split_label  # noqa: E402
from components.meaning import Encoder, Net  # noqa: E402
from components.normalise import normalise  # noqa: E402
from components.reader import Reader, strip_accents  # noqa: E402
from components.second_look import DOUBT, Deeper, SecondLook, evidence  # noqa: E402
from eval.compare import deal, read_examples  # noqa: E402

from bot import safety  # noqa: E402

LANGUAGES = ("en", "ht", "acf")
FIRST = ("danger", "self_harm")  # of these, too, as many must be raised as before
FEWEST_OWN = 4  # training examples that a term must be in when it is in too few real messages
SMALL = 0.1  # a term that weighs less is left out
CHARACTERS = 0.8
REAL_IN_TABLE, REAL_IN_SCALE = 6.0, 12.0  # how much a real message counts beside a training example
BALANCED, BALANCED_IN_SCALE = ("voices.yml", "pairs.yml", "people_*.yml"), 8.0  # and how much one of these lines does
MORE, MORE_DEEP = 0.4, 0.8  # added to each shift (log odds) without and with the meaning: the written sets keep theirs
FOLDS, COST = 3, 5.0
UNITS, SEEDS, ROUNDS, HOLD = 64, 3, 8, 0.1  # of the net: its layer, how many are put together, passes, decay
BALANCED_IN_NET = 3  # how often the net learns one of those lines in a pass
AT_ONCE = 64  # texts for the encoder
FEWEST_WORDS, FEWEST_TO_QUIET = 3, 6  # as in bot/reading.py, and the rule that the second look takes the place of
RAISED, SHORT_WORDS, PER_WORD, SUREST = 0.6, 12, 0.04, 0.99
SURELY_HARMLESS = 0.03  # as in config.yml
ABOUT = (
    "What terms say of harm (hundredths: idf, weight). Made by nlu/vocabulary/make_harm.py from nlu/data and from the "
    "words of {messages} messages to 4636 whose ids and labels are in labels.csv. Statistics of words: a term stands "
    "in at least 4 examples of nlu/data, or in at least 4 messages and is then no name that could be told as one; none "
    "has a digit."
)

ABOUT_MEANING = (
    "A net that tells harm from the meaning of a text (thousandths), and what that weighs beside the other evidence. "
    "Made by nlu/vocabulary/make_harm.py from nlu/data and from {messages} messages to 4636 whose ids and labels are "
    "in labels.csv, all of them as numbers of multilingual-e5-small (MIT): no word can be read back from it."
)


@dataclass(frozen=True)
class Texts:
    """Normalised texts, as typed, what is known of each, and what the model says of it that did not learn from it."""

    texts: list[str]
    typed: list[str]
    languages: list[str]  # "" for a real message
    concerns: list[str]
    folds: np.ndarray
    p_any: np.ndarray
    margins: np.ndarray
    quiet: np.ndarray  # no phrase tells of harm, and it has words enough
    balanced: np.ndarray  # a line of BALANCED
    mild: np.ndarray  # a phrase tells of harm, none of danger to life, in words enough that the model may doubt it

    @property
    def harm(self) -> np.ndarray:
        return np.array([concern != NONE for concern in self.concerns])

    @property
    def real(self) -> np.ndarray:
        return np.array([not language for language in self.languages])


def gather(folder: Path) -> tuple[Texts, list[str], int]:
    """The training examples of the languages and the real messages; those as typed; the place of `none`."""
    examples = read_examples(HERE.parent / "data")
    reader, held = Reader.fit_and_tell(examples, make.options())
    dealt, calm = deal(examples, FOLDS), reader.concern.names.index(NONE)
    typed = [text for text, _, concern in make.labelled(folder) if not concern]
    own = [i for i, example in enumerate(examples) if example.language in LANGUAGES]
    texts = [held.copies[i].text for i in own] + [normalise(text, make.LANGUAGE) for text in typed]
    rows = [reader.vectoriser.row(text, make.LANGUAGE) for text in texts[len(own) :]]
    wanted = np.vstack([held.wanted[own], [reader.wanted.margins(*row) for row in rows]])
    margins = np.vstack([held.concern[own], [reader.concern.margins(*row) for row in rows]])
    p_any = 1 - reader.joint.probabilities(wanted, margins)[:, :, calm].sum(axis=1)
    languages = [str(examples[i].language) for i in own] + [""] * len(typed)
    raw = [examples[i].text for i in own] + typed
    heard = [safety.read(one, language or make.LANGUAGE).findings for one, language in zip(raw, languages)]  # noqa: B905
    words = np.array([len(text.split()) for text in texts])
    quiet = (words >= FEWEST_WORDS) & np.array([not found for found in heard])
    mild = (words >= FEWEST_TO_QUIET) & np.array([bool(found) and not of_life(found) for found in heard])
    dice = np.random.default_rng(make.SEED)
    folds = np.concatenate([dealt[own], dice.integers(0, FOLDS, len(typed))])
    concerns = [split_label(examples[i].label)[1] for i in own] + [NONE] * len(typed)
    lines = balanced_lines()
    even = np.array([(language, text) in lines for language, text in zip(languages, raw)])  # noqa: B905
    return Texts(texts, raw, languages, concerns, folds, p_any, margins, quiet, even, mild), typed, calm


def of_life(heard: Iterable[safety.Finding]) -> bool:
    """Whether a finding is one of those that always count (decision 15)."""
    return any(one.severity == "critical" or one.concern in FIRST for one in heard)


def balanced_lines() -> set[tuple[str, str]]:
    """The lines of BALANCED, with their language."""
    found = {
        (path.parent.name, line.strip().removeprefix("- "))
        for name in BALANCED
        for path in (HERE.parent / "data").glob(f"*/{name}")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    if not found:
        raise FileNotFoundError(BALANCED[0])
    return found


def choose_terms(known: Texts, typed: list[str]) -> Vectoriser:
    """Terms frequent enough in the training examples, and those of real messages that may be told."""
    real, seen = known.real, Counter[str]()
    own: Counter[str] = Counter()
    for text, theirs in zip(known.texts, real):  # noqa: B905
        terms = {term for block in analyse(text, None) for term in block}
        seen.update(terms)
        if not theirs:
            own.update(terms)
    told = make.choose_terms([text for text, theirs in zip(known.texts, real) if theirs], make.named(typed)).terms  # noqa: B905
    often = {term for term, count in own.items() if count >= FEWEST_OWN and not any(c.isdigit() for c in term)}
    terms = sorted(often | set(told))
    total = len(known.texts)
    return Vectoriser(terms, np.array([math.log((1 + total) / (1 + seen[t])) + 1 for t in terms], dtype=np.float32))


def fit_table(rows: sparse.csr_matrix, harm: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, float]:
    """What each term weighs, and the bias."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(C=COST, max_iter=200, class_weight="balanced")
    model.fit(rows, harm, sample_weight=counts)
    return np.asarray(model.coef_[0]), float(model.intercept_[0])


def held_out_table(known: Texts, vectoriser: Vectoriser) -> tuple[np.ndarray, np.ndarray]:
    """The weights learnt from everything, and what the table says of each text that it had not learnt from (with the
    bias of its fold less that of everything: the bias itself goes into the shifts)."""
    scale = vectoriser.scale(1.0, CHARACTERS, 1.0)
    rows = (vectoriser.matrix([(text, None) for text in known.texts]) @ sparse.diags(scale)).tocsr()
    counts = np.where(known.real, REAL_IN_TABLE, 1.0)
    whole, bias = fit_table(rows, known.harm, counts)
    said = np.zeros(len(known.texts))
    for fold in range(FOLDS):
        learnt, left = known.folds != fold, known.folds == fold
        part, its_bias = fit_table(rows[learnt], known.harm[learnt], counts[learnt])
        said[left] = rows[left] @ part + its_bias - bias
    return whole * scale, said


def encode(texts: list[str]) -> np.ndarray:
    """The meaning of each text: on every core, for this is what takes long; each process with one thread, which must be
    said before it loads anything."""
    parts = [texts[at : at + AT_ONCE] for at in range(0, len(texts), AT_ONCE)]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return np.vstack(list(processes.map(encode_some, parts)))


def encode_some(texts: list[str]) -> np.ndarray:
    """The same for a few, in a process of its own."""
    return _own_encoder().encode(texts)


@cache
def _own_encoder() -> Encoder:
    return Encoder()


def fit_net(vectors: np.ndarray, harm: np.ndarray) -> Net:
    """A net of SEEDS layers side by side, each learnt from another beginning; they speak with one voice."""
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

    middle, spread = vectors.mean(axis=0), vectors.std(axis=0)
    hidden, bias, out, out_bias = [], [], [], 0.0
    for seed in range(SEEDS):
        model = MLPClassifier((UNITS,), alpha=HOLD, max_iter=ROUNDS, random_state=seed)
        model.fit((vectors - middle) / spread, harm)
        hidden.append(model.coefs_[0] / spread[:, None])
        bias.append(model.intercepts_[0] - middle @ hidden[-1])
        out.append(model.coefs_[1][:, 0] / SEEDS)
        out_bias += float(model.intercepts_[1][0]) / SEEDS
    return Net(np.hstack(hidden), np.concatenate(bias), np.concatenate(out), out_bias)


def held_out_net(known: Texts) -> tuple[Net, np.ndarray]:
    """The net learnt from everything, and what it says of each text that it had not learnt from. Texts with accents
    are learnt without them as well; a real message counts as often as in the table, a balanced line BALANCED_IN_NET
    times."""
    bare = [strip_accents(text) for text in known.typed]
    copies = [i for i, text in enumerate(known.typed) if bare[i] != text]
    vectors = encode(known.typed + [bare[i] for i in copies])
    again = [np.flatnonzero(known.real)] * int(REAL_IN_TABLE - 1)
    again += [np.flatnonzero(known.balanced)] * (BALANCED_IN_NET - 1)
    origin = np.concatenate([np.arange(len(known.typed)), copies, *again])
    rows = np.concatenate([np.arange(len(vectors)), *again])
    harm, folds, said = known.harm[origin], known.folds[origin], np.zeros(len(known.typed))
    for fold in range(FOLDS):
        learnt, left = folds != fold, np.flatnonzero(known.folds == fold)
        said[left] = fit_net(vectors[rows[learnt]], harm[learnt]).odds(vectors[left])
    return fit_net(vectors[rows], harm), said


def fit_scale(known: Texts, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each evidence weighs, and the score of each text from weights that had not seen it (with their bias less
    that of all, as in the table)."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    spread, counts = (
        seen.std(axis=0),
        np.where(known.real, REAL_IN_SCALE, np.where(known.balanced, BALANCED_IN_SCALE, 1.0)),
    )

    def learn(which: np.ndarray) -> tuple[np.ndarray, float]:
        model = LogisticRegression(C=10.0, max_iter=500)
        model.fit(seen[which] / spread, known.harm[which], sample_weight=counts[which])
        return np.asarray(model.coef_[0] / spread), float(model.intercept_[0])

    whole, bias = learn(known.quiet)
    scores = np.zeros(len(seen))
    for fold in range(FOLDS):
        part, its_bias = learn(known.quiet & (known.folds != fold))
        scores[known.folds == fold] = seen[known.folds == fold] @ part + its_bias - bias
    return whole, scores


def raised_before(known: Texts) -> np.ndarray:
    """Whether the model alone raised a concern by the rule of length."""
    words = np.array([len(text.split()) for text in known.texts])
    return np.asarray(known.p_any >= np.clip(RAISED + PER_WORD * (words - SHORT_WORDS), RAISED, SUREST))


def shift_of(known: Texts, scores: np.ndarray, language: str, more: float) -> float:
    """What makes as many disclosures reach RAISED as did before (and `more`): of all together, and of FIRST's."""
    told, shifts = known.quiet & known.harm & (np.array(known.languages) == language), []
    for which in (told, told & np.isin(known.concerns, FIRST)):
        least = np.sort(scores[which])[::-1][int(raised_before(known)[which].sum()) - 1]
        shifts.append(math.log(RAISED / (1 - RAISED)) - least)
    return round(float(max(shifts)) + more, 3)


def shifted(known: Texts, shifts: dict[str, float]) -> np.ndarray:
    """The shift of each text."""
    return np.array([shifts[code or make.LANGUAGE] for code in known.languages])


def report(known: Texts, scores: np.ndarray, shifts: dict[str, float]) -> None:
    """Print what is raised alone, before and now, held out."""
    before = raised_before(known) & known.quiet
    languages = np.array(known.languages)
    for code in (*LANGUAGES, ""):
        line = math.log(RAISED / (1 - RAISED)) - shifts[code or make.LANGUAGE]
        now = (scores >= line) & known.quiet
        for concern in sorted({one for one, own in zip(known.concerns, languages) if own == code}):  # noqa: B905
            which = (languages == code) & (np.array(known.concerns) == concern) & known.quiet
            print(f"{code or 'real':5} {concern:20} {before[which].sum():4} -> {now[which].sum():4} of {which.sum()}")


def report_mild(known: Texts, by_words: np.ndarray, by_all: np.ndarray) -> None:
    """Print how many texts with a phrase of no danger to life would be asked about gently, held out (`by_words`,
    `by_all`: log odds, shifted)."""
    odds = np.where((by_words >= DOUBT[0]) & (by_words <= DOUBT[1]), by_all, by_words)
    doubted, languages = odds < math.log(SURELY_HARMLESS / (1 - SURELY_HARMLESS)), np.array(known.languages)
    print("a phrase, of no danger to life")
    for code in LANGUAGES:
        for told, which in (("harm", known.harm), (NONE, ~known.harm)):
            some = known.mild & which & (languages == code)
            print(f"{code:5} {told:20} {(doubted & some).sum():4} of {some.sum()} asked about gently")


def main() -> int:
    """The command line; returns the exit code."""
    folder = os.environ.get("KOUDMEN_EVAL_DATA")
    if not folder:
        print("make_harm: KOUDMEN_EVAL_DATA is not set", file=sys.stderr)
        return 2
    known, typed, calm = gather(Path(folder))
    vectoriser = choose_terms(known, typed)
    weights, _ = held_out_table(known, vectoriser)
    kept = np.flatnonzero(np.abs(weights) >= SMALL)
    terms = vectoriser.terms
    vectoriser = Vectoriser([terms[i] for i in kept], vectoriser.idf[kept])
    weights, said = held_out_table(known, vectoriser)
    seen = np.array(
        [
            evidence(p, margins, calm, len(text.split()), table)
            for p, margins, text, table in zip(known.p_any, known.margins, known.texts, said)  # noqa: B905
        ]
    )
    scale, scores = fit_scale(known, seen)
    shifts = {code: shift_of(known, scores, code, MORE) for code in LANGUAGES}
    report(known, scores, shifts)
    net, told = held_out_net(known)
    deep_scale, deep_scores = fit_scale(known, np.column_stack([seen, told]))
    deep_shifts = {code: shift_of(known, deep_scores, code, MORE_DEEP) for code in LANGUAGES}
    print("with the meaning")
    report(known, deep_scores, deep_shifts)
    report_mild(known, scores + shifted(known, shifts), deep_scores + shifted(known, deep_shifts))
    write(SecondLook(vectoriser, weights, np.round(scale, 3).tolist(), shifts), len(typed))
    write_deeper(Deeper(net, np.round(deep_scale, 3), deep_shifts), len(typed))
    print(f"make_harm: {len(kept)} terms")
    return 0


def write_deeper(deeper: Deeper, messages: int) -> None:
    """One unit a line."""
    told = deeper.as_json()
    net = told.pop("net")
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in net.pop("hidden"))
    head = json.dumps({"about": ABOUT_MEANING.format(messages=messages), **told, "net": net})[:-2]
    (HERE / "meaning.json").write_text(f'{head},\n"hidden": [\n{lines}\n]}}}}\n', encoding="utf-8")


def write(look: SecondLook, messages: int) -> None:
    """One term a line, so that a change can be read."""
    told = look.as_json()
    lines = ",\n".join(
        f"{json.dumps(term, ensure_ascii=False)}: {json.dumps(row, separators=(',', ':'))}"
        for term, row in told.pop("terms").items()
    )
    head = json.dumps({"about": ABOUT.format(messages=messages), **told})[:-1]
    (HERE / "harm.json").write_text(f'{head},\n"terms": {{\n{lines}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
