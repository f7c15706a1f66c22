"""The recent past of a number in blocks: where in it the mean has changed most, and by how much."""

from __future__ import annotations

from collections import deque
from math import inf, sqrt
from typing import NamedTuple

BLOCK = 32
"""Values that are summed up together: river's ADWIN looks at its window as often."""

_BLOCKS = 32
"""Blocks that are kept: the beginning of a change is found within the last thousand values."""


class Mean(NamedTuple):
    """Mean of *n* values."""

    n: int
    mean: float


class Change(NamedTuple):
    """Where a mean has changed most; ``deviations`` tells by how many standard deviations it rose."""

    deviations: float
    before: Mean
    after: Mean


class Blocks:
    """Sums of values: of all, and of each of the last blocks.

    Attributes
    ----------
    n, total, squares
        Number and sum of all values, and of their squares.
    marked
        The total at the end of the last block that is full.
    """

    def __init__(self) -> None:
        self.n = 0
        self.total = 0.0
        self.squares = 0.0
        self.marked = 0.0
        self.sums: deque[float] = deque(maxlen=_BLOCKS)

    def add(self, value: float) -> bool:
        """Add *value*; return whether a block is full."""
        self.n = n = self.n + 1
        self.total = total = self.total + value
        self.squares += value * value
        if n % BLOCK:
            return False
        self.sums.append(total - self.marked)
        self.marked = total
        return True

    def change(self, *, falls: bool = False) -> Change:
        """Return where the mean has risen most, or if it *falls* changed most.

        Each border of two blocks is tried, and the difference of the means on both sides divided by the
        standard deviation that it has by chance: the scan for a change point of Page (1954) and Hinkley
        (1970). Without two blocks to compare there is none, by minus infinity.
        """
        n, total = self.n, self.total
        n_after, after = n % BLOCK, total - self.marked
        variance = max(self.squares / n - (total / n) ** 2, 1e-300)
        best = Change(-inf, Mean(n, total / n), Mean(n, total / n))
        highest = -inf
        for block in reversed(self.sums):
            n_after, after = n_after + BLOCK, after + block
            n_before = n - n_after
            if n_before < BLOCK:
                break
            risen = after / n_after - (total - after) / n_before
            z = risen / sqrt(variance * (1.0 / n_before + 1.0 / n_after))
            if (abs(z) if falls else z) > highest:
                highest = abs(z) if falls else z
                best = Change(z, Mean(n_before, (total - after) / n_before), Mean(n_after, after / n_after))
        return best
