"""The error of a model as it learns: when it has grown, and how large it was before and after."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

from river import drift
from river.drift import binary

from headrace.drift.declaration import Drift

BLOCK = 32
"""Errors are summed up in blocks of as many events: ADWIN looks at its window as often."""

_BLOCKS = 32
"""Blocks that are kept: a change is found where it began if it did so within the last thousand events."""


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

    ``warned`` is whether the last event made it likely: whether, at the end of a block, some number of the
    latest blocks has a mean above that of all before by more than chance (a scan for a change point as in
    Page, 1954). The scan also tells where a change that the detector found began.

    Parameters
    ----------
    declared
        Names the detector and the significances.
    warns
        Whether to look for warnings as well.
    """

    def __init__(self, declared: Drift, *, warns: bool) -> None:
        self.detector = error_detector(declared)
        self.certain = NormalDist().inv_cdf(1.0 - declared.warning) if warns else inf
        self.warned = False
        self._begin()

    def _begin(self) -> None:
        self.n = 0
        self.total = 0.0
        self.squares = 0.0
        self.marked = 0.0
        self.blocks: deque[float] = deque(maxlen=_BLOCKS)

    def update(self, error: float) -> Grown | None:
        """Take in the *error* of one event; return what has changed if it has grown."""
        self.n = n = self.n + 1
        self.total = total = self.total + error
        self.squares += error * error
        if not n % BLOCK:
            self.blocks.append(total - self.marked)
            self.marked = total
            self.warned = self.certain < inf and self._change()[0] > self.certain
        else:
            self.warned = False
        detector = self.detector
        detector.update(self._seen(error))
        return self._grown() if detector.drift_detected else None

    def _seen(self, error: float) -> float:
        """Return *error* as the detector sees it."""
        return error

    def _grown(self) -> Grown | None:
        """Begin anew, as the detector does; return what the errors were if they have grown."""
        self.warned = True
        _, before, after = self._change()
        self._begin()
        return Grown(before, after) if after.mean > before.mean else None

    def _change(self) -> tuple[float, Mean, Mean]:
        """Return where the mean has risen most: by how many standard deviations, and from what to what."""
        n_after, after = self.n % BLOCK, self.total - self.marked
        spread = self.squares / self.n - (self.total / self.n) ** 2
        best = (-inf, Mean(self.n, self.total / self.n), Mean(self.n, self.total / self.n))
        for block in reversed(self.blocks):
            n_after, after = n_after + BLOCK, after + block
            n_before = self.n - n_after
            if n_before < BLOCK:
                break
            risen = after / n_after - (self.total - after) / n_before
            z = risen / sqrt(max(spread, 1e-300) * (1.0 / n_before + 1.0 / n_after))
            if z > best[0]:
                best = z, Mean(n_before, (self.total - after) / n_before), Mean(n_after, after / n_after)
        return best


class ScaledErrorWatch(ErrorWatch):
    """The same for errors of any size: the detector sees each as a share of itself and the mean so far."""

    def _seen(self, error: float) -> float:
        mean = self.total / self.n
        return error / (error + mean) if mean > 0.0 else 0.0


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
