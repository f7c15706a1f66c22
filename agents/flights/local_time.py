"""Local time at an airport in 2013: the offset from UTC that its table tells, and summer time."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Mapping, Sequence

_HOUR_S = 3_600
_SUMMER_FROM_S = timegm((2013, 3, 10, 2, 0, 0))
_SUMMER_TO_S = timegm((2013, 11, 3, 1, 0, 0))
"""Of the United States, at 2 o'clock local time each; here as if winter time went on."""

_SUMMER = "A"
_ATLANTIC_H = -4
"""Puerto Rico and the Virgin Islands, which the table leaves out; they have no summer time."""


class Zones:
    """What clocks show at each airport.

    Parameters
    ----------
    airports
        Rows of ``airports.csv``.
    """

    def __init__(self, airports: Sequence[Mapping[str, str]]) -> None:
        self._offset_s = {row["faa"]: int(row["tz"]) * _HOUR_S for row in airports}
        self._has_summer = {row["faa"] for row in airports if row["dst"] == _SUMMER}

    def offset_s(self, airport: str, utc_s: float) -> int:
        """Return how far local time at *airport* is ahead of UTC at the moment *utc_s*."""
        offset_s = self._offset_s.get(airport, _ATLANTIC_H * _HOUR_S)
        is_summer = airport in self._has_summer and _SUMMER_FROM_S <= utc_s + offset_s < _SUMMER_TO_S
        return offset_s + _HOUR_S * is_summer
