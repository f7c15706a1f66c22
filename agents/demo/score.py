"""How good the predictions were: accuracy and ROC AUC, next to those of always saying what is most common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW = 5_000
"""Flights of the newest figures."""

WEEKS_UP_TO = 9
"""A longer stream is told by months."""


class Figures(NamedTuple):
    """Figures over some flights; ``auc`` is ``None`` while only one of the two labels was seen."""

    n: int
    accuracy: float
    majority_accuracy: float
    auc: float | None
    late_share: float


class Score:
    """Predictions and what came true, in the order in which that was told.

    The majority baseline says, before each label, the one most frequent so far: it learns too.
    """

    def __init__(self) -> None:
        self._labels: list[bool] = []
        self._probabilities: list[float] = []
        self._right: list[bool] = []
        self._majority_right: list[bool] = []
        self._days: list[date] = []
        self._n_late = 0

    def add(self, *, late: bool, predicted: object, probability: float, day: date) -> None:
        """Count one flight that left on *day*.

        Parameters
        ----------
        predicted
            ``None`` if there is no prediction.
        probability
            That of being late.
        """
        majority_late = 2 * self._n_late > len(self._labels)
        self._labels.append(late)
        self._probabilities.append(probability)
        self._right.append(predicted is late)
        self._majority_right.append(majority_late is late)
        self._days.append(day)
        self._n_late += late

    @property
    def n(self) -> int:
        """Number of flights with a known label."""
        return len(self._labels)

    def figures(self, start: int = 0, stop: int | None = None) -> Figures | None:
        """Return the figures of flights *start* to *stop*; ``None`` if there are none."""
        return self._of(range(self.n)[start:stop])

    def newest(self) -> Figures | None:
        """Return the figures of the last `WINDOW` flights."""
        return self.figures(max(0, self.n - WINDOW))

    @property
    def is_of_weeks(self) -> bool:
        """Whether `periods` are weeks."""
        return bool(self._days) and max(self._days) - min(self._days) < timedelta(weeks=WEEKS_UP_TO)

    def periods(self) -> dict[date, Figures]:
        """Return the figures of each week or, of a long stream, each month: by its first day, in order."""
        first, is_of_weeks = min(self._days, default=date.min), self.is_of_weeks
        rows: dict[date, list[int]] = {}
        for row, day in enumerate(self._days):
            begin = day - timedelta(days=(day - first).days % 7) if is_of_weeks else day.replace(day=1)
            rows.setdefault(begin, []).append(row)
        found = ((begin, self._of(rows[begin])) for begin in sorted(rows))
        return {begin: figures for begin, figures in found if figures is not None}

    def _of(self, rows: Sequence[int]) -> Figures | None:
        n = len(rows)
        if not n:
            return None
        labels = [self._labels[row] for row in rows]
        return Figures(
            n,
            sum(self._right[row] for row in rows) / n,
            sum(self._majority_right[row] for row in rows) / n,
            roc_auc(labels, [self._probabilities[row] for row in rows]),
            sum(labels) / n,
        )


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
