"""How good the predictions are: accuracy and ROC AUC, next to those of always saying what is most common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW = 5_000
"""Events of the rolling figures."""


class Figures(NamedTuple):
    """Figures over some events; ``auc`` is ``None`` while only one of the two labels was seen."""

    n: int
    accuracy: float
    majority_accuracy: float
    auc: float | None


class Score:
    """Predictions and what came true, in the order of the predictions' arrival.

    The majority baseline says, before each event, the label most frequent so far: it learns too.

    Parameters
    ----------
    stride
        Answers per point of `curve`.

    Attributes
    ----------
    curve
        Accuracy of the predictions and of the baseline, over each *stride* answers.
    """

    def __init__(self, stride: int = 2_000) -> None:
        self.curve: list[tuple[float, float]] = []
        self._stride = stride
        self._labels: list[bool] = []
        self._probabilities: list[float] = []
        self._right: list[bool] = []
        self._majority_right: list[bool] = []
        self._n_late = 0

    def add(self, *, late: bool, predicted: object, probability: float) -> None:
        """Count one answer; *probability* is that of being late, *predicted* ``None`` if there is none."""
        majority_late = 2 * self._n_late > len(self._labels)
        self._labels.append(late)
        self._probabilities.append(probability)
        self._right.append(predicted is late)
        self._majority_right.append(majority_late is late)
        self._n_late += late
        if self.n % self._stride == 0:
            recent = slice(-self._stride, None)
            ours, majority = sum(self._right[recent]), sum(self._majority_right[recent])
            self.curve.append((ours / self._stride, majority / self._stride))

    @property
    def n(self) -> int:
        """Number of answers with a known label."""
        return len(self._labels)

    def figures(self, start: int = 0, stop: int | None = None) -> Figures | None:
        """Return the figures of answers *start* to *stop*; ``None`` if there are none."""
        labels = self._labels[start:stop]
        if not labels:
            return None
        return Figures(
            len(labels),
            sum(self._right[start:stop]) / len(labels),
            sum(self._majority_right[start:stop]) / len(labels),
            roc_auc(labels, self._probabilities[start:stop]),
        )

    def rolling(self) -> Figures | None:
        """Return the figures of the last `WINDOW` answers."""
        return self.figures(max(0, self.n - WINDOW))


def roc_auc(labels: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Return the exact area under the ROC curve: Mann and Whitney's U (1947) over the number of pairs."""
    truth: NDArray[np.bool_] = np.asarray(labels, dtype=bool)
    n_true = int(truth.sum())
    n_false = len(truth) - n_true
    if not n_true or not n_false:
        return None
    _, inverse, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = float(ranks[truth].sum()) - n_true * (n_true + 1) / 2
    return u / (n_true * n_false)
