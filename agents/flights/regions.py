"""Regions of the country, so that flights that go the same way are told of together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_SOUTH_OF, _WEST_OF, _EAST_OF = 36.0, -110.0, -85.0
"""Degrees: the south, and the west and the east with the middle between them."""

_ISLANDS = "islands"
"""Puerto Rico and the Virgin Islands, which the table leaves out."""


class Regions:
    """Which region each airport is in.

    Parameters
    ----------
    airports
        Rows of ``airports.csv``.
    """

    def __init__(self, airports: Sequence[Mapping[str, str]]) -> None:
        self._by_airport = {row["faa"]: _region(float(row["lat"]), float(row["lon"])) for row in airports}

    def of(self, airport: str) -> str:
        """Return the region of *airport*."""
        return self._by_airport.get(airport, _ISLANDS)


def _region(lat: float, lon: float) -> str:
    side = "west" if lon < _WEST_OF else "middle" if lon < _EAST_OF else "east"
    return f"south {side}" if lat < _SOUTH_OF else f"north {side}"
