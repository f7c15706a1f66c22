"""Real flights in order of departure: what changes in them, and when, nobody knows."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec

from agents.flights import data, files
from agents.flights.journeys import Journeys
from tools.adaptation.streams import Stream

_NOT_FEATURES = {"id", "at", "carrier", "origin", "dest", "region", "tailnum", "late"}


def flights(every: int) -> Stream:
    """Return each *every*-th flight of the year that landed: its numbers, and whether it came late."""
    year = islice(Journeys(data.TOTAL, files.folder()), 0, None, every)
    examples = [(_features(flight), arrival.late) for flight, arrival, _ in year if arrival is not None]
    return Stream("flights", "unknown", examples, ())


def _features(flight: msgspec.Struct) -> dict[str, Any]:
    found = msgspec.structs.asdict(flight)
    return {
        name: float(value) for name, value in found.items() if name not in _NOT_FEATURES and value is not None
    }
