"""The reader without Rasa: from examples to a model, from a text to what it asks and tells."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.composites import Part, compose
from components.features import Vectoriser
from components.heads import Head, Question, deal_folds, fit_heads, together
from components.joint import Joint, fit_joint
from components.labels import NONE, decide, nothing_read, split_label
from components.neighbours import group_neighbours
from components.normalise import normalise
from components.second_look import SecondLook
from components.vocabulary import Vocabulary


@dataclass(frozen=True)
class Example:
    """A text as typed, its language (None: unknown), its training label, and who wrote it, where that is told."""

    text: str
    language: str | None
    label: str
    writer: str = ""


@dataclass(frozen=True)
class Options:
    """What may be set in `config.yml`; see there."""

    cost: float = 0.5
    min_count: int = 1
    concern_threshold: float = 0.5
    unknown_language_every: int = 3
    folds: int = 3
    composites: bool = True
    wanted_blocks: tuple[float, ...] = (1.0, 1.5, 0.5)
    concern_blocks: tuple[float, ...] = (1.0, 0.8, 0.5)


class Reader:
    """The vectoriser, the two heads, and what makes one answer of them."""

    version = ""  # of a model that was loaded: two that differ in anything differ here

    def __init__(self, vectoriser: Vectoriser, heads: tuple[Head, Head], joint: Joint, options: Options) -> None:
        """The first head answers what is wanted, the second whether somebody is harmed. `vocabularies` by language may
        be added: they weigh needs again where no harm is told. So may a `second_look` at whether harm is."""
        self.vocabularies: dict[str, Vocabulary] = {}
        self.second_look: SecondLook | None = None
        self.vectoriser = vectoriser
        self.wanted, self.concern = heads
        self.joint = joint
        self.options = options

    @property
    def weighs_meaning(self) -> bool:
        """Whether the second look has its encoder here."""
        look = self.second_look
        return bool(look and look.deeper and look.deeper.encoder)

    def read(self, text: str, language: str | None, typed: str | None = None) -> dict[str, Any]:
        """What `/model/parse` answers about a normalised text (`typed`: as it was typed)."""
        columns, values = self.vectoriser.row(text, language)
        if not columns:
            return nothing_read()
        margins, calm = self.concern.margins(columns, values), self.concern.names.index(NONE)
        pairs = self.joint.probabilities(self.wanted.margins(columns, values), margins)
        alone = None
        if self.second_look:
            p_any = float(1 - pairs[:, calm].sum())
            alone = self.second_look.told(text, typed or text, language, p_any, margins, calm)
        if vocabulary := self.vocabularies.get(language or ""):
            pairs[:, calm] = vocabulary.weigh(text, self.wanted.names, pairs[:, calm])
        return decide(self.wanted.names, self.concern.names, pairs, self.options.concern_threshold, alone)

    @classmethod
    def fit(cls, examples: list[Example], options: Options) -> Reader:
        """Train on the examples and their copies. Raises ValueError when a head has fewer than two answers."""
        return cls.fit_and_tell(examples, options)[0]

    @classmethod
    def fit_and_tell(cls, examples: list[Example], options: Options) -> tuple[Reader, HeldOut]:
        """The reader, and what it says of each text as long as it has not learnt from it."""
        folds = deal_folds(_groups(examples), [example.label for example in examples], options.folds)
        folds = together(folds, [example.writer for example in examples], options.folds)
        copies = augment(examples, options.unknown_language_every)
        if options.composites:
            copies += _composites(examples, folds)
        held = folds[[copy.number for copy in copies]]
        truth = [split_label(copy.label) for copy in copies]
        vectoriser = Vectoriser.fit(_by_example(copies, len(examples)), options.min_count)
        rows = vectoriser.matrix([(copy.text, copy.language) for copy in copies])
        first = np.flatnonzero([copy.is_first for copy in copies])
        scale_w, scale_c = vectoriser.scale(*options.wanted_blocks), vectoriser.scale(*options.concern_blocks)
        questions = [Question([want for want, _ in truth], scale_w), Question([harm for _, harm in truth], scale_c)]
        (wanted, margins_w), (concern, margins_c) = fit_heads(rows, questions, held, options.cost)
        joint = fit_joint(
            (wanted.names, margins_w[first]), (concern.names, margins_c[first]), [truth[i] for i in first]
        )
        told = HeldOut([copies[i] for i in first], margins_w[first], margins_c[first])
        return cls(vectoriser, (wanted, concern), joint, options), told

    def save(self, folder: Path) -> None:
        """Write the model to `folder` as plain arrays and JSON; nothing in it can run code when read."""
        heads = {"wanted": self.wanted, "concern": self.concern}
        arrays = {"idf": self.vectoriser.idf, "scale": self.joint.scale}
        for name, head in heads.items():
            arrays |= {f"{name}_weights": head.weights.astype(np.float16)}
            arrays |= {f"{name}_bias": head.bias}
        np.savez(folder / "weights.npz", **arrays)
        names: dict[str, Any] = {"terms": self.vectoriser.terms, **{name: head.names for name, head in heads.items()}}
        names["vocabularies"] = {language: one.as_json() for language, one in self.vocabularies.items()}
        names["second_look"] = self.second_look and self.second_look.as_json()
        (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, options: Options) -> Reader:
        """Read what `save` wrote. Raises OSError, KeyError or ValueError when it is not whole."""
        names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            wanted, concern = (
                Head(names[head], arrays[f"{head}_weights"], arrays[f"{head}_bias"]) for head in ("wanted", "concern")
            )
            vectoriser = Vectoriser(names["terms"], arrays["idf"])
            joint = Joint(wanted.names, concern.names, arrays["scale"])
        loaded = cls(vectoriser, (wanted, concern), joint, options)
        told = names.get("vocabularies", {})
        loaded.vocabularies = {language: Vocabulary.of_json(one) for language, one in told.items()}
        if look := names.get("second_look"):
            loaded.second_look = SecondLook.of_json(look)
        whole = hashlib.sha256((folder / "weights.npz").read_bytes() + (folder / "names.json").read_bytes())
        loaded.version = whole.hexdigest()[:16]
        return loaded


@dataclass(frozen=True)
class HeldOut:
    """Texts of the training data, and the margins of both heads for them from heads that had not seen them."""

    copies: list[Copy]
    wanted: np.ndarray
    concern: np.ndarray


@dataclass(frozen=True)
class Copy:
    """One way an example may be typed: normalised, in a language or without; the example's number."""

    text: str
    language: str | None
    number: int
    is_first: bool
    label: str


def augment(examples: list[Example], unknown_language_every: int) -> list[Copy]:
    """Each example and its copies: without accents; one in `unknown_language_every` without its language.

    Doubles are dropped.
    """
    found: dict[tuple[str, str | None, int], Copy] = {}
    for number, example in enumerate(examples):
        bare = strip_accents(example.text)
        typed = [(example.text, example.language), (bare, example.language)]
        if number % unknown_language_every == 0:
            typed.append((bare if number % 2 else example.text, None))
        for place, (raw, language) in enumerate(typed):
            text = normalise(raw, language)
            found.setdefault((text, language, number), Copy(text, language, number, place == 0, example.label))
    return list(found.values())


def _composites(examples: list[Example], folds: np.ndarray) -> list[Copy]:
    """Two examples in one text, each composite beside the copies of its first part; they count for calibration too."""
    parts = [Part(e.text, e.language, e.label, int(fold)) for e, fold in zip(examples, folds)]  # noqa: B905
    return [
        Copy(normalise(text, examples[number].language), examples[number].language, number, True, label)
        for number, text, label in compose(parts)
    ]


def _groups(examples: list[Example]) -> np.ndarray:
    typed = [(normalise(example.text, example.language), example.language) for example in examples]
    return group_neighbours(typed, [example.label for example in examples])


def _by_example(copies: list[Copy], count: int) -> list[list[tuple[str, str | None]]]:
    texts: list[list[tuple[str, str | None]]] = [[] for _ in range(count)]
    for copy in copies:
        texts[copy.number].append((copy.text, copy.language))
    return texts


def strip_accents(text: str) -> str:
    """The text with its accents dropped, as phones without them type it."""
    flat = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in flat if not unicodedata.combining(letter))
