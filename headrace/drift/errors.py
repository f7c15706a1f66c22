"""The error of a model as it learns: when it has grown, and how large it was before and after."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

from river import drift
from river.drift import binary

from headrace.drift.declaration import Drift

_BLOCK = 32
"""Events between two looks of ADWIN at its window: errors are summed up in blocks of as many."""

_BLOCKS = 32
_SHORT = 64
"""Events taken as those after a change where a detector does not say how many they are."""


class Mean(NamedTuple):
    """Mean of *n* values."""

    n: int
    mean: float


class Grown(NamedTuple):
    """The mean error before and after a change for the worse."""

    before: Mean
    after: Mean


def error_detector(declared: Drift) -> Any:
    """Return a fresh detector of changes of an error."""
    name = declared.detectors["error"]
    if name == "adwin":
        return drift.ADWIN(delta=declared.delta)
    kind = binary.HDDM_A if name == "hddm_a" else binary.HDDM_W
    return kind(drift_confidence=declared.delta, warning_confidence=declared.warning)


class ErrorWatch:
    """Says when the error has grown.

    ``warned`` is whether the last error made it likely, at the significance of a warning.

    Parameters
    ----------
    declared
        Names the detector and its significance.
    warns
        Whether to look for warnings as well.
    """

    def __init__(self, declared: Drift, *, warns: bool) -> None:
        self.detector = error_detector(declared)
        self.early = _early(declared) if warns and declared.detectors["error"] == "adwin" else None
        self.warned = False
        self._begin()

    def _begin(self) -> None:
        self.n = 0
        self.total = 0.0
        self.marked = 0.0
        self.blocks: deque[float] = deque(maxlen=_BLOCKS)

    def update(self, error: float) -> Grown | None:
        """Take in the *error* of one event; return what has changed if it has grown."""
        self.n = n = self.n + 1
        self.total = total = self.total + error
        if not n % _BLOCK:
            self.blocks.append(total - self.marked)
            self.marked = total
        return self._look(error)

    def _look(self, value: float) -> Grown | None:
        detector, early = self.detector, self.early
        if early is not None:
            early.update(value)
            self.warned = early.drift_detected and early.estimation > detector.estimation
        detector.update(value)
        if detector.drift_detected:
            return self._cut()
        if early is None:
            self.warned = getattr(detector, "warning_detected", False)
        return None

    def _cut(self) -> Grown | None:
        """Begin anew, as the detector does; return what the errors were if they have grown."""
        self.warned = True
        n_blocks = min(ceil(_width(self.detector, self.n) / _BLOCK), len(self.blocks))
        n_after = n_blocks * _BLOCK + self.n % _BLOCK
        if not 0 < n_after < self.n:
            n_blocks, n_after = 0, max(self.n % _BLOCK, 1)
        recent = [*self.blocks][len(self.blocks) - n_blocks :]
        after = sum(recent) + self.total - self.marked
        n_before = max(self.n - n_after, 1)
        grown = Grown(Mean(n_before, (self.total - after) / n_before), Mean(n_after, after / n_after))
        self._begin()
        return grown if grown.after.mean > grown.before.mean else None


class ScaledErrorWatch(ErrorWatch):
    """The same for errors of any size: detectors see each as a share of itself and the mean so far."""

    def update(self, error: float) -> Grown | None:
        """Take in the *error* of one event; return what has changed if it has grown."""
        self.n = n = self.n + 1
        self.total = total = self.total + error
        if not n % _BLOCK:
            self.blocks.append(total - self.marked)
            self.marked = total
        mean = total / n
        return self._look(error / (error + mean) if mean > 0.0 else 0.0)


def _early(declared: Drift) -> Any:
    return drift.ADWIN(delta=declared.warning)


def _width(detector: Any, n: int) -> int:
    """Return how many of the last *n* values the *detector* counts as those after the change."""
    if isinstance(detector, drift.ADWIN):
        return int(detector.width)
    if isinstance(detector, binary.HDDM_A):
        return int(n - detector._x_min.n)  # noqa: SLF001 - river shows it nowhere else
    return min(_SHORT, n // 2)


Judge = Callable[[Any, Any], "float | None"]


def label_error(said: Any, y: Any) -> float | None:
    """Return 1.0 if the label or the probabilities *said* are wrong, ``None`` if nothing was said."""
    if isinstance(said, dict):
        return (1.0 if said.get(y, -1.0) < max(said.values()) else 0.0) if said else None
    return None if said is None else float(said != y)


def number_error(said: Any, y: Any) -> float | None:
    """Return the absolute error, ``None`` if nothing was said or no finite number comes out."""
    if said is None:
        return None
    error = abs(float(said) - float(y))
    return error if error < 1e300 else None  # nor for NaN
