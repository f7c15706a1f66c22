"""Quantiles of delays, from counts by size: the same in whatever order the delays came."""

from __future__ import annotations

from collections.abc import Iterable
from math import frexp, ldexp

_LEAST_S = 2.0**-10
"""A delay below a millisecond counts as none."""

_STEPS = 8
_NONE = -1_000_000


class Delays:
    """Counts of delays by size; a quantile is right to 6 %."""

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._counts = dict(counts)

    def add(self, delay_s: float) -> None:
        """Count *delay_s*, in seconds; a label that came before its event counts as no delay."""
        bucket = _NONE
        if delay_s >= _LEAST_S:
            fraction, exponent = frexp(delay_s)  # at least a half
            bucket = exponent * _STEPS + int(fraction * (2 * _STEPS)) - _STEPS
        self._counts[bucket] = self._counts.get(bucket, 0) + 1

    def counts(self) -> tuple[tuple[int, int], ...]:
        """Return the counts by bucket, in order."""
        return tuple(sorted(self._counts.items()))

    def quantile(self, q: float) -> float | None:
        """Return the delay in seconds that a share *q* of the labels did not exceed, ``None`` without any."""
        n_below = q * sum(self._counts.values())
        middle = None
        for bucket, n in self.counts():
            middle = _middle(bucket)
            n_below -= n
            if n_below <= 0:
                break
        return middle


def _middle(bucket: int) -> float:
    if bucket == _NONE:
        return 0.0
    exponent, step = divmod(bucket, _STEPS)
    return ldexp(0.5 + (step + 0.5) / (2 * _STEPS), exponent)
