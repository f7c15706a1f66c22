"""The error of a model as it learns, and when it has grown."""

from __future__ import annotations

from math import inf
from statistics import NormalDist
from typing import Any

from river import drift
from river.drift import binary

from headrace.drift.blocks import Blocks, Change
from headrace.drift.declaration import Drift


def adwin(delta: float) -> Any:
    """Return a fresh ADWIN of this significance."""
    return drift.ADWIN(delta=delta)  # type: ignore[no-untyped-call] # river leaves it so


def error_detector(declared: Drift) -> Any:
    """Return a fresh detector of changes of an error."""
    name = declared.detectors["error"]
    if name == "adwin":
        return adwin(declared.delta)
    kind = binary.HDDMA if name == "hddm_a" else binary.HDDMW
    return kind(drift_confidence=declared.delta, warning_confidence=declared.warning)


class ErrorWatch:
    """Says when the error has grown.

    ``warned`` is over how many events it has grown if the last one made that likely, else 0: at the end of a
    block, some number of the latest has a mean above that of all before by more than chance. The detector
    decides, later.

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
        self.warned = 0
        self.blocks = Blocks()

    def update(self, error: float) -> Change | None:
        """Take in the *error* of one event; return what has changed if it has grown."""
        is_full = self.blocks.add(error)
        self.warned = self._likely() if is_full and self.certain < inf else 0
        detector = self.detector
        detector.update(self._seen(error))
        return self._grown() if detector.drift_detected else None

    def _likely(self) -> int:
        change = self.blocks.change()
        return change.after.n if change.deviations > self.certain else 0

    def _seen(self, error: float) -> float:
        """Return *error* as the detector sees it."""
        return error

    def _grown(self) -> Change | None:
        """Begin anew, as the detector does; return what the errors were if they have grown."""
        change = self.blocks.change()
        self.blocks = Blocks()
        has_grown = change.after.mean > change.before.mean
        self.warned = change.after.n if has_grown else 0
        return change if has_grown else None


class ScaledErrorWatch(ErrorWatch):
    """The same for errors of any size: the detector sees each as a share of itself and the mean so far."""

    def _seen(self, error: float) -> float:
        mean = self.blocks.total / self.blocks.n
        return error / (error + mean) if mean > 0.0 else 0.0


def label_error(said: Any, y: Any) -> float | None:
    """Return 1.0 if the label or the probabilities *said* are wrong, ``None`` if nothing was said."""
    if isinstance(said, dict):
        return float(max(said, key=said.__getitem__) != y) if said else None
    return None if said is None else float(said != y)


def number_error(said: Any, y: Any) -> float | None:
    """Return the absolute error, ``None`` if nothing was said or no finite number comes out."""
    if said is None:
        return None
    error = abs(float(said) - float(y))
    return error if error < 1e150 else None  # its square is finite; nor for NaN
