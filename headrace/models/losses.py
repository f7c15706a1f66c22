"""What answers lose against the truth, from 0 to 1, so that models can be compared event by event."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log
from typing import Any, Protocol

from headrace.models.combining.losses import brier
from headrace.models.labels import text_of
from schemas.results import Answer

_LEAST_P = 0.001
_MOST_LOG = -log(_LEAST_P)

_MOST_ERROR = 8.0
"""Errors count up to so many times their median."""

_MOST_MEDIAN = 1e300
"""So that what counts at most is finite."""

_FINEST = 50
"""The median is followed in steps of one part in so many."""


class Losses(Protocol):
    """Says what answers to one event have lost. What it needs to know is from events before."""

    def of(self, y: Any, answers: Sequence[Answer | None]) -> list[float]:
        """Return the loss of each answer, 0 to 1; 1 for one that says nothing."""
        ...

    def state(self) -> list[float]:
        """Return what is written down."""
        ...

    def restore(self, state: Sequence[float]) -> None:
        """Go on from what `state` returned, or raise `ValueError`."""
        ...


class LabelLosses:
    """Losses of classifiers.

    Parameters
    ----------
    kind
        ``"zero_one"``; ``"brier"``; or ``"log"``, the logarithm of the true label's probability, which is at
        least 0.001, divided by that of 0.001. An answer without probabilities is certain of its label.
    """

    def __init__(self, kind: str) -> None:
        self._loss = {"zero_one": _zero_one, "brier": brier, "log": _log}[kind]

    def of(self, y: Any, answers: Sequence[Answer | None]) -> list[float]:
        """Return the loss of each answer, 0 to 1; 1 for one that says nothing."""
        loss, truth = self._loss, text_of(y)
        return [
            1.0 if answer is None or answer.prediction is None else loss(answer, truth) for answer in answers
        ]

    def state(self) -> list[float]:
        """Return what is written down: nothing."""
        return []

    def restore(self, state: Sequence[float]) -> None:
        """Go on."""


def _zero_one(answer: Answer, truth: str) -> float:
    return 0.0 if text_of(answer.prediction) == truth else 1.0


def _log(answer: Answer, truth: str) -> float:
    if not answer.probability:
        return _zero_one(answer, truth)
    p = answer.probability.get(truth, 0.0)
    return max(-log(max(p, _LEAST_P)) / _MOST_LOG, 0.0)


class NumberLosses:
    """Losses of regressors: errors as shares of the largest that counts, 8 times the median of those before.

    By those before only: what an event brings must not change how it is measured, or the bet on it would not
    be fair. The median is that of the best answer to each event, so that one model that goes astray does not
    make all others look alike; exact answers are left out of it.

    Parameters
    ----------
    kind
        ``"absolute"`` or ``"squared"``.
    """

    def __init__(self, kind: str) -> None:
        self._is_squared = kind == "squared"
        self._median, self._n = 0.0, 0

    def of(self, y: Any, answers: Sequence[Answer | None]) -> list[float]:
        """Return the loss of each answer, 0 to 1; 1 for one that says nothing. The first error counts 0."""
        errors = [_error(answer, y) for answer in answers]
        most = _MOST_ERROR * self._median
        self._follow(min((error for error in errors if error is not None), default=0.0))
        if most == 0.0:
            return [0.0 if error is not None else 1.0 for error in errors]
        shares = [1.0 if error is None or error >= most else error / most for error in errors]
        return [share * share for share in shares] if self._is_squared else shares

    def state(self) -> list[float]:
        """Return what is written down."""
        return [self._median, self._n]

    def restore(self, state: Sequence[float]) -> None:
        """Go on from what `state` returned, or raise `ValueError`."""
        median, n = state
        self._median, self._n = float(median), int(n)

    def _follow(self, error: float) -> None:
        """Take the best *error* into the median: up or down by a step, which gets finer at first."""
        if error == 0.0:
            return
        self._n = min(self._n + 1, _FINEST)
        step = 1.0 + 1.0 / self._n
        if self._median == 0.0:
            median = error
        elif error > self._median:
            median = self._median * step
        else:
            median = self._median / step
        self._median = min(median, _MOST_MEDIAN)


def _error(answer: Answer | None, y: Any) -> float | None:
    """Return the absolute error, ``None`` without an answer or where no finite number comes out."""
    if answer is None or answer.prediction is None:
        return None
    error = abs(float(answer.prediction) - float(y))
    return error if isfinite(error) else None


def losses_of(kind: str) -> Losses:
    """Return fresh losses of that *kind*."""
    return NumberLosses(kind) if kind in ("absolute", "squared") else LabelLosses(kind)
