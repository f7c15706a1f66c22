"""Real flights in order of departure: what changes in them, and when, nobody knows."""

from __future__ import annotations

from typing import Any

import msgspec

from agents.demo.flights import load
from tools.adaptation.streams import Stream

_NAMED = ("carrier", "origin", "dest")


def flights(every: int) -> Stream:
    """Return each *every*-th flight of the year that landed: its numbers, and whether it came late."""
    kept = [flight for flight in load()[::every] if flight.late is not None]
    return Stream("flights", "unknown", [(_features(flight), flight.late) for flight in kept], ())


def _features(flight: msgspec.Struct) -> dict[str, Any]:
    found = msgspec.structs.asdict(flight)
    return {
        name: float(value)
        for name, value in found.items()
        if name not in (*_NAMED, "id", "late") and value is not None
    }
