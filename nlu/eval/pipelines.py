"""The pipelines that are compared: each learns from examples, is saved, loaded, and reads one text."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from components.labels import FIND, NONE, split_label  # noqa: E402 (found by the path set above)
from components.normalise import normalise  # noqa: E402
from components.reader import Example, Options, Reader  # noqa: E402

COUNTS = [
    {"name": "WhitespaceTokenizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 2, "max_ngram": 5},
]
WORD = r"\S+"
# What `rasa init` of 3.6 writes, without the parts for dialogue.
DIET = [
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True, "random_seed": 4636},
]
LOGISTIC = [
    {"name": "components.splitter.LanguageSplitter"},
    *COUNTS,
    {"name": "LogisticRegressionClassifier", "class_weight": "balanced", "max_iter": 100, "random_state": 4636},
]


@dataclass(frozen=True)
class Answer:
    """What is wanted and what harm is told, `none` where nothing is."""

    wanted: str
    concern: str
    confidence: float


class Pipeline(Protocol):
    """One way from a text to an answer."""

    def fit(self, examples: list[Example]) -> None:
        """Learn."""

    def save(self, folder: Path) -> None:
        """Write what was learnt to an empty folder."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""

    def read(self, text: str, language: str | None) -> Answer:
        """Answer one text as typed."""


class TwoHeads:
    """Our own component, without Rasa round it."""

    reader: Reader

    def fit(self, examples: list[Example]) -> None:
        self.reader = Reader.fit(examples, Options())

    def save(self, folder: Path) -> None:
        self.reader.save(folder)

    def load(self, folder: Path) -> None:
        self.reader = Reader.load(folder, Options())

    def read(self, text: str, language: str | None) -> Answer:
        found = self.reader.read(normalise(text, language), language)
        intent, need, concern = found["intent"], found["need"]["name"], found["concern"]
        wanted = NONE if intent["name"] in ("disclose", "find") else intent["name"]
        return Answer(FIND + need if need else wanted, concern["name"] or NONE, concern["confidence"])


class LinearSvc:
    """scikit-learn: TF-IDF of words and character n-grams, support vectors, one label for everything."""

    model: Any

    def fit(self, examples: list[Example]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 (only this one needs it)
        from sklearn.pipeline import make_pipeline, make_union  # noqa: PLC0415
        from sklearn.svm import LinearSVC  # noqa: PLC0415

        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD, min_df=2)
        grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
        svc = LinearSVC(C=0.5, class_weight="balanced", random_state=4636)
        self.model = make_pipeline(make_union(words, grams), svc)
        self.model.fit([normalise(e.text, e.language) for e in examples], [e.label for e in examples])

    def save(self, folder: Path) -> None:
        import joblib  # noqa: PLC0415

        joblib.dump(self.model, folder / "model.joblib")

    def load(self, folder: Path) -> None:
        import joblib  # noqa: PLC0415

        self.model = joblib.load(folder / "model.joblib")

    def read(self, text: str, language: str | None) -> Answer:
        return Answer(*split_label(str(self.model.predict([normalise(text, language)])[0])), 1.0)


class FastText:
    """fastText supervised, with the language as a word of its own."""

    model: Any

    def fit(self, examples: list[Example]) -> None:
        import fasttext  # noqa: PLC0415

        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
            for e in examples:
                lines.write(f"__label__{e.label} {self._line(e.text, e.language)}\n")
            lines.flush()
            self.model = fasttext.train_supervised(
                lines.name, lr=0.5, epoch=40, wordNgrams=2, minn=2, maxn=5, dim=64, bucket=200000,
                loss="softmax", thread=1, seed=4636, verbose=0,
            )  # fmt: skip

    def save(self, folder: Path) -> None:
        self.model.save_model(str(folder / "model.bin"))

    def load(self, folder: Path) -> None:
        import fasttext  # noqa: PLC0415

        fasttext.FastText.eprint = lambda *_: None  # a warning of its own on every load
        self.model = fasttext.load_model(str(folder / "model.bin"))

    def read(self, text: str, language: str | None) -> Answer:
        labels, scores = self.model.predict(self._line(text, language))
        return Answer(*split_label(labels[0].replace("__label__", "", 1)), float(scores[0]))

    @staticmethod
    def _line(text: str, language: str | None) -> str:
        return f"__{language or 'unknown'}__ {normalise(text, language)}"


class Rasa:
    """A pipeline of Rasa's own components, one label for everything."""

    agent: Any

    def __init__(self, parts: list[dict[str, Any]]) -> None:
        """`parts` as in `config.yml`."""
        from quiet import prepare  # noqa: PLC0415

        prepare([part["name"] for part in parts])
        self.parts = parts
        self.prefixed = any(part["name"].endswith("LanguageSplitter") for part in parts)
        self.scratch = tempfile.TemporaryDirectory(prefix="compare-")
        self.archive = Path(self.scratch.name) / "model.tar.gz"

    def fit(self, examples: list[Example]) -> None:
        from rasa.model_training import train_nlu  # noqa: PLC0415
        from ruamel.yaml import YAML  # noqa: PLC0415

        self._quiet()
        folder = Path(self.scratch.name)
        (folder / "config.yml").write_text(
            json.dumps({"recipe": "default.v1", "assistant_id": "x", "language": "en", "pipeline": self.parts})
        )
        with (folder / "nlu.yml").open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(self._training_data(examples), file)
        train_nlu(str(folder / "config.yml"), str(folder / "nlu.yml"), str(folder), fixed_model_name="model")
        self._open(self.archive)

    def save(self, folder: Path) -> None:
        (folder / "model.tar.gz").write_bytes(self.archive.read_bytes())

    def load(self, folder: Path) -> None:
        self._open(folder / "model.tar.gz")

    def read(self, text: str, language: str | None) -> Answer:
        found = asyncio.run(self.agent.parse_message(self._text(text, language)))["intent"]
        return Answer(*split_label(found["name"] or "other"), float(found["confidence"]))

    def _open(self, archive: Path) -> None:
        from rasa.core.agent import Agent  # noqa: PLC0415

        self._quiet()
        self.agent = Agent.load(str(archive))

    def _text(self, text: str, language: str | None) -> str:
        return f"{language or ''}|{text}" if self.prefixed else text

    def _training_data(self, examples: list[Example]) -> dict[str, Any]:
        texts: dict[str, list[str]] = defaultdict(list)
        for e in examples:
            texts[e.label].append(self._text(e.text, e.language))
        intents = [{"intent": label, "examples": "".join(f"- {t}\n" for t in some)} for label, some in texts.items()]
        return {"version": "3.1", "nlu": intents}

    @staticmethod
    def _quiet() -> None:
        from quiet import quiet_structlog  # noqa: PLC0415

        quiet_structlog()


PIPELINES = {
    "two-heads": ("ours: two linear heads, language-tied words", TwoHeads),
    "svc": ("scikit-learn: TF-IDF words and characters, LinearSVC", LinearSvc),
    "fasttext": ("fastText supervised, n-grams 2-5", FastText),
    "rasa-logistic": ("Rasa's logistic regression on counts, with our normaliser", lambda: Rasa(LOGISTIC)),
    "rasa-diet": ("Rasa's default: counts of words and characters, DIET", lambda: Rasa(DIET)),
}  # fmt: skip
