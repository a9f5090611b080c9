"""A linear head: one-against-all support vectors over one question with a closed list of answers."""

from __future__ import annotations

import numpy as np
from scipy import sparse

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


def fit_head(
    rows: sparse.csr_matrix, answers: list[str], held: np.ndarray, scale: np.ndarray, cost: float
) -> tuple[Head, np.ndarray]:
    """Fit a head on `rows`, each column times its `scale`, and their `answers`; the same input gives the same head.

    Out: the head, and the margins of each row from a head that did not see its fold (`held` numbers the folds).
    Raises ValueError with fewer than two answers.
    """
    names, target = np.unique(np.array(answers), return_inverse=True)
    if len(names) < 2:
        raise ValueError("a head needs at least two different answers")
    scaled = rows @ sparse.diags(scale)
    margins = np.zeros((rows.shape[0], len(names)))
    for fold in np.unique(held):
        weights, bias = _fit_linear(scaled[held != fold], target[held != fold], len(names), cost)
        margins[held == fold] = scaled[held == fold] @ weights + bias
    weights, bias = _fit_linear(scaled, target, len(names), cost)
    weights *= scale[:, None]  # so that reading needs no scaling
    return Head(list(map(str, names)), weights.astype(np.float32), bias.astype(np.float32)), margins


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
