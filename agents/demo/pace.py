"""How fast flights leave: as fast as the workers answer and learn, or evenly, to have time to watch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from agents.demo.label_book import LabelBook
from agents.demo.ledger import Ledger

AHEAD = 500
"""Departures without answer and arrivals without end: enough to keep workers busy, and half a day of flights.

With more the order in which a worker takes departures and arrivals in is ever less that of the year.
"""

STEADY_PER_S = 300.0
STEADY_LEAST_S = 40.0
"""An even stream lasts so long at the least: three kills, and what follows them."""

STEADY_AHEAD = 2_000
"""While a worker is dead its departures pile up: seven seconds of them, or two days and a half of the year.

With more, departures would have waited for too long (`agents.flights.pipeline.WAIT_S`) when the arrivals
after them are taken in.
"""

LAST_S = 8.0
"""Records of so many seconds follow the last kill."""


class Pace(Protocol):
    """Says how many departures may have been sent by now."""

    def __call__(self) -> int:
        """Return how many departures may have been sent by now."""
        ...

    @property
    def is_ending(self) -> bool:
        """Whether few records are left to send."""
        ...


class FullSpeed:
    """No more than `AHEAD` departures and arrivals are in work."""

    is_ending = False

    def __init__(self, ledger: Ledger, labels: LabelBook) -> None:
        self._ledger = ledger
        self._labels = labels

    def __call__(self) -> int:
        """Return how many departures may have been sent by now."""
        return self._ledger.done + AHEAD - self._labels.waiting


class Steady:
    """An even stream of *total* records whose end waits.

    Parameters
    ----------
    is_over
        Whether what is to happen meanwhile has happened: the last records wait for it.
    per_s
        Records a second; by default slow enough for `STEADY_LEAST_S`.
    """

    def __init__(
        self,
        total: int,
        ledger: Ledger,
        is_over: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        *,
        per_s: float | None = None,
    ) -> None:
        self._total = total
        self._ledger = ledger
        self._is_over = is_over
        self._clock = clock
        self._started_at = clock()
        self._per_s = per_s or min(STEADY_PER_S, total / STEADY_LEAST_S)

    def __call__(self) -> int:
        """Return how many departures may have been sent by now."""
        due = 1 + int((self._clock() - self._started_at) * self._per_s)
        last = self._total if self._is_over() else self._total - int(self._per_s * LAST_S / 2)
        return min(due, last, self._ledger.done + STEADY_AHEAD)

    @property
    def is_ending(self) -> bool:
        """Whether fewer records are left to send than `LAST_S` need."""
        return self._total - self._ledger.sent < self._per_s * LAST_S
