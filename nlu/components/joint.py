"""What two heads say together: one calibrated probability for each pair of answers that makes sense."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from components.labels import FIND, NONE

SHRINK = 1e-3  # holds the shifts of rare answers near zero


class Joint:
    """A softmax over pairs; each head has a slope, each answer a shift.

    A text wants something or tells of harm: the pair of two `none` is not among them. Nor is a plain intent
    with a concern, for the training data has none.
    """

    def __init__(self, wanted: list[str], concern: list[str], scale: np.ndarray) -> None:
        """`scale`: two slopes, the shifts of `wanted`, the shifts of `concern`."""
        self.wanted = wanted
        self.concern = concern
        self.scale = scale
        self.sense = np.array([[_makes_sense(want, harm) for harm in concern] for want in wanted])

    def probabilities(self, wanted: np.ndarray, concern: np.ndarray) -> np.ndarray:
        """Pairs as (wanted, concern), or (texts, wanted, concern) for the margins of many texts."""
        split = 2 + len(self.wanted)
        first = wanted * self.scale[0] + self.scale[2:split]
        second = concern * self.scale[1] + self.scale[split:]
        powers = np.where(self.sense, first[..., :, None] + second[..., None, :], -np.inf)
        powers = np.exp(powers - powers.max(axis=(-2, -1), keepdims=True))
        return powers / powers.sum(axis=(-2, -1), keepdims=True)

    def parts(self, wanted: np.ndarray, concern: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of many texts without making the pairs, a tenth of the work: what the power of each answer of
        `wanted` and of `concern` is (a pair's is their product, where it makes sense), and the sum over the pairs."""
        split = 2 + len(self.wanted)
        first = wanted * self.scale[0] + self.scale[2:split]
        second = concern * self.scale[1] + self.scale[split:]
        first, second = (np.exp(own - own.max(axis=1, keepdims=True)) for own in (first, second))
        return first, second, (first * (second @ self.sense.T)).sum(axis=1)


def fit_joint(
    wanted: tuple[list[str], np.ndarray], concern: tuple[list[str], np.ndarray], truth: list[tuple[str, str]]
) -> Joint:
    """The slopes and shifts that make `truth` most likely, from each head's names and held-out margins."""
    (names_w, margins_w), (names_c, margins_c) = wanted, concern
    total, split = len(truth), 2 + len(names_w)
    w = np.array([names_w.index(pair[0]) for pair in truth])
    c = np.array([names_c.index(pair[1]) for pair in truth])
    true_w, true_c, rows = np.eye(len(names_w))[w], np.eye(len(names_c))[c], np.arange(total)

    def loss(scale: np.ndarray) -> tuple[float, np.ndarray]:
        guess = Joint(names_w, names_c, scale)
        first, second, whole = guess.parts(margins_w, margins_c)
        wrong_w = first * (second @ guess.sense.T) / whole[:, None] - true_w
        wrong_c = second * (first @ guess.sense) / whole[:, None] - true_c
        right = first[rows, w] * second[rows, c] / whole
        value = -np.log(right + 1e-12).mean() + SHRINK / 2 * (scale[2:] ** 2).sum()
        slopes = [(wrong_w * margins_w).sum() / total, (wrong_c * margins_c).sum() / total]
        return value, np.concatenate([slopes, wrong_w.mean(axis=0), wrong_c.mean(axis=0)]) + _pull(scale)

    start = np.concatenate([[2.0, 2.0], np.zeros(split - 2 + len(names_c))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return Joint(names_w, names_c, found.x.astype(np.float32))


def _pull(scale: np.ndarray) -> np.ndarray:
    pull = SHRINK * scale
    pull[:2] = 0.0
    return pull


def _makes_sense(want: str, harm: str) -> bool:
    if harm == NONE:
        return want != NONE
    return want == NONE or want.startswith(FIND)
