"""What steps cost by the clock, measured beside the fold: a decision brings it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

LEAST = 500
"""Events between two looks at what a step costs: fewer tell more of the machine than of the step."""

_FAR = 0.25
"""A cost is told once it is so far, in parts of itself, from what was known: each telling is a decision."""


class Stopwatch:
    """Adds up the seconds that each step takes. That is no part of any state.

    Attributes
    ----------
    clock
        Returns seconds; ``None``: nothing is measured.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.clock: Callable[[], float] | None = None
        self._seconds = dict.fromkeys(names, 0.0)
        self._n = dict.fromkeys(names, 0)

    def took(self, name: str, elapsed_s: float, *, n: int) -> None:
        """Take in that step *name* took so long, to answer *n* events, or to learn one that was answered."""
        self._seconds[name] += elapsed_s
        self._n[name] += n

    def take(self, known_us: Mapping[str, float]) -> Iterator[tuple[str, float]]:
        """Yield the steps that do not cost what is known, and microseconds an event, asked and taught."""
        for name, n in self._n.items():
            if n < LEAST:
                continue
            cost_us = round(self._seconds[name] / n * 1e6, 1)
            self._seconds[name], self._n[name] = 0.0, 0
            if abs(cost_us - known_us[name]) > _FAR * known_us[name]:
                yield name, cost_us
