"""What one call of the benchmark of the flights does."""

from __future__ import annotations

from collections import Counter

import msgspec

from agents.bench.flights.progress import n_logged
from agents.flights import data
from agents.flights.pipeline import pipeline

QUICK_FLIGHTS = 10_000
SEED = 2013

_START_S = 120.0
_FLIGHT_S = 0.004
"""Ten times what one takes on a quick machine."""


class Plan(msgspec.Struct, frozen=True):
    """How many flights, rounds and kills."""

    flights: int = data.TOTAL
    rounds: int = 3
    kills: int = 0
    seed: int = SEED
    is_quick: bool = False

    def n_steps(self) -> int:
        """Return how many measurements there are, for the progress bar."""
        return 2 * self.rounds + 1 + (self.kills > 0)

    @property
    def deadline_s(self) -> float:
        """Longer than any run takes, even where others use the machine."""
        return _START_S + _FLIGHT_S * self.flights

    def n_logged(self, sent: Counter[str]) -> int:
        """Return how many records the log will have."""
        return n_logged(sent, pipeline.log.partitions)
