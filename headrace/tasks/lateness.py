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
        self._n = 0

    def took(self, elapsed_s: float) -> None:
        """Take in how long an answer took."""
        is_late = elapsed_s > self.deadline_s
        self._late.append(is_late)
        if is_late:
            self._n = max(self._n, sum(self._late))

    @property
    def n_late(self) -> int:
        """How many came late where most did, if they were too many since `forget`; else 0.

        It does not sink when quick answers follow: whoever looks after many of them still learns of it.
        """
        return self._n if self._n >= self._most else 0

    def forget(self) -> None:
        """Begin anew."""
        self._late.clear()
        self._n = 0
