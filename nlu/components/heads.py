"""A linear head: one-against-all support vectors over one question with a closed list of answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from components.processes import side_by_side

SEED = 4636
TOLERANCE = 1e-2  # liblinear stops earlier than by default; the development set is read no worse


class Head:
    """One question with a closed list of answers; weights as (terms, answers)."""

    def __init__(self, names: list[str], weights: np.ndarray, bias: np.ndarray) -> None:
        """`names` of the answers, in the order of their columns. `weights` may be float16, as the archive has
        them: half the memory, and the rows of one text are few."""
        self.names = names
        self.weights = weights
        self.bias = bias

    def margins(self, columns: list[int], values: list[float]) -> np.ndarray:
        """How far on its side of the line each answer is, for one row of the vectoriser."""
        weights = np.asarray(self.weights[columns], dtype=np.float32)
        return np.asarray(values, dtype=np.float32) @ weights + self.bias


@dataclass(frozen=True)
class Question:
    """What a head is to answer: the right answer of each row, and how much each column counts."""

    answers: list[str]
    scale: np.ndarray


def fit_heads(
    rows: sparse.csr_matrix, questions: list[Question], held: np.ndarray, cost: float
) -> list[tuple[Head, np.ndarray]]:
    """Fit a head for each question on `rows`; the same input gives the same heads.

    Out, for each: the head, and the margins of each row from a head that did not see its fold (`held` numbers the
    folds). Raises ValueError with fewer than two answers.
    """
    known = [np.unique(np.array(question.answers), return_inverse=True) for question in questions]
    if any(len(names) < 2 for names, _ in known):
        raise ValueError("a head needs at least two different answers")
    folds = [None, *np.unique(held)]  # None: a head that sees everything
    jobs = [
        partial(_fit_part, rows, target, len(names), question.scale, cost, None if fold is None else held == fold)
        for fold in folds
        for question, (names, target) in zip(questions, known)  # noqa: B905 (3.10: same meaning)
    ]
    fitted = iter(side_by_side(jobs))
    whole = [Head(list(map(str, names)), *next(fitted)) for names, _ in known]
    margins = [np.zeros((rows.shape[0], len(names))) for names, _ in known]
    for fold in folds[1:]:
        for told in margins:
            told[held == fold] = next(fitted)
    return list(zip(whole, margins))  # noqa: B905


def _fit_part(
    rows: sparse.csr_matrix,
    target: np.ndarray,
    answers: int,
    scale: np.ndarray,
    cost: float,
    left: np.ndarray | None,
) -> Any:
    """Weights and bias learnt from all rows, or the margins of the rows that are `left` out."""
    if left is None:
        weights, bias = _fit_linear(_scaled(rows, scale), target, answers, cost)
        return (weights * scale[:, None]).astype(np.float32), bias.astype(np.float32)  # so reading needs no scaling
    weights, bias = _fit_linear(_scaled(rows[~left], scale), target[~left], answers, cost)
    return _scaled(rows[left], scale) @ weights + bias


def _scaled(rows: sparse.csr_matrix, scale: np.ndarray) -> sparse.csr_matrix:
    """Each column times its scale; only the values are copied."""
    return sparse.csr_matrix((rows.data * scale[rows.indices], rows.indices, rows.indptr), shape=rows.shape)


def _fit_linear(
    rows: sparse.csr_matrix, target: np.ndarray, answers: int, cost: float
) -> tuple[np.ndarray, np.ndarray]:
    """Balanced one-against-all support vectors; an answer absent from these rows gets a bias of -1."""
    from sklearn.svm import LinearSVC  # noqa: PLC0415 (only training needs it)

    model = LinearSVC(C=cost, class_weight="balanced", tol=TOLERANCE, random_state=SEED)
    model.fit(rows, target)
    coefficients, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.vstack([-coefficients, coefficients])
        intercept = np.concatenate([-intercept, intercept])
    weights = np.zeros((rows.shape[1], answers))
    bias = np.full(answers, -1.0)
    weights[:, model.classes_] = coefficients.T
    bias[model.classes_] = intercept
    return weights, bias


def deal_folds(groups: np.ndarray, answers: list[str], folds: int) -> np.ndarray:
    """Deal the groups of each answer round the folds in a fixed shuffled order; a group stays whole."""
    first = {int(group): answer for group, answer in zip(groups, answers)}  # noqa: B905
    order = np.random.default_rng(SEED).permutation(sorted(first))
    fold: dict[int, int] = {}
    dealt: dict[str, int] = {}
    for group in order.tolist():
        answer = first[group]
        fold[group] = dealt.get(answer, 0) % folds
        dealt[answer] = dealt.get(answer, 0) + 1
    return np.array([fold[int(group)] for group in groups])


def together(folds: np.ndarray, writers: list[str], count: int) -> np.ndarray:
    """The folds, but all that one writer wrote, in any language, in one: how sure the model may be is then learnt from
    how right it is about people it has never read. "" is nobody known."""
    place = {writer: number % count for number, writer in enumerate(sorted(set(writers) - {""}))}
    return np.array([place.get(writer, fold) for writer, fold in zip(writers, folds.tolist())])  # noqa: B905
