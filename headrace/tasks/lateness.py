"""Whether a model is too slow by the clock: so many of its last answers came after the deadline."""

from __future__ import annotations

from collections import deque

from headrace.tasks.breaker import Breaker


class Lateness:
    """Counts late answers. What it counts is no part of any state: a replay reads what was decided of it.

    Parameters
    ----------
    deadline_s
        Seconds an answer may take.
    declared
        How many late answers of how many are too many: as many as failures.
    """

    def __init__(self, deadline_s: float, declared: Breaker) -> None:
        self.deadline_s = deadline_s
        self._most = declared.errors
        self._late: deque[bool] = deque(maxlen=declared.of)

    def took(self, elapsed_s: float) -> None:
        """Take in how long an answer took."""
        self._late.append(elapsed_s > self.deadline_s)

    def take(self) -> int:
        """Return how many came late and begin anew, if they are too many; else 0."""
        n = sum(self._late)
        if n < self._most:
            return 0
        self._late.clear()
        return n
