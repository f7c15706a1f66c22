"""How flights to each region fared lately: a table that its arrivals make, hour by hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from agents.flights.journeys import Journey
from agents.flights.pipeline import Region

_HOUR_S = 3_600.0
_LATELY_S = 3 * _HOUR_S
_DOUBT = 1
"""As if so many more flights had lost nothing: one flight alone says little."""


class _Lately:
    """What flights to one region lost that landed within the last hours."""

    def __init__(self) -> None:
        self._landed: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def land(self, at: float, lost: float) -> None:
        self._landed.append((at, lost))
        self._sum += lost

    def mean(self, now_s: float) -> float:
        """Return whole minutes: a row is told only when they change."""
        while self._landed and self._landed[0][0] <= now_s - _LATELY_S:
            self._sum -= self._landed.popleft()[1]
        return float(round(self._sum / (len(self._landed) + _DOUBT)))


def rows_of(told: Iterable[Journey]) -> Iterator[Region]:
    """Yield at each full hour, until the last flight left, the rows that have changed.

    They say nothing of a flight that had not landed before that hour.

    Parameters
    ----------
    told
        In the order in which they left.
    """
    in_the_air: list[tuple[float, str, float]] = []
    lately: dict[str, _Lately] = {}
    means: dict[str, float] = {}
    hour_s = 0.0
    for flight, arrival, lost in told:
        hour_s = hour_s or flight.at // _HOUR_S * _HOUR_S
        while hour_s <= flight.at:
            while in_the_air and in_the_air[0][0] < hour_s:
                at, region, lost_then = heappop(in_the_air)
                lately.setdefault(region, _Lately()).land(at, lost_then)
            for region, landed in lately.items():
                if (mean := landed.mean(hour_s)) != means.get(region):
                    means[region] = mean
                    yield Region(region, hour_s, mean)
            hour_s += _HOUR_S
        if arrival is not None and flight.region is not None:
            heappush(in_the_air, (arrival.at, flight.region, lost))
