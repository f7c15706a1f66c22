"""Each flight of 2013 as it left the gate, and its arrival."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from math import inf
from pathlib import Path
from typing import NamedTuple

from agents.flights import files
from agents.flights.files import ABSENT, number
from agents.flights.local_time import Zones
from agents.flights.pipeline import LATE_AFTER_MIN, Arrival, Flight
from agents.flights.regions import Regions

_MINUTE_S, _DAY_MIN = 60, 24 * 60
_DELAY = 5
"""Column of the departure's delay; the last two hold minute and hour of its scheduled time, this in UTC."""


class Journey(NamedTuple):
    """A flight as it left, and its arrival: ``None`` if it was cancelled or diverted.

    *lost* are the minutes by which its delay grew on the way.
    """

    flight: Flight
    arrival: Arrival | None
    lost: float = 0.0


class Journeys:
    """The first *n* flights of the year in the order in which they left the gate.

    A flight that never left stands at its scheduled time; flights of the same minute in the file's order.

    Parameters
    ----------
    where
        Folder of the files.

    Attributes
    ----------
    until_s
        When the last of them left; ``-inf`` if there are none.
    """

    def __init__(self, n: int, where: Path) -> None:
        airports = files.table(where, "airports")
        self._zones, self._regions = Zones(airports), Regions(airports)
        self._lines = sorted(files.flight_lines(where), key=_left_s)[:n]
        self.until_s = _left_s(self._lines[-1]) if self._lines else -inf

    def __iter__(self) -> Iterator[Journey]:
        for line in self._lines:
            yield _journey(line, self._zones, self._regions)


def _left_s(line: str) -> float:
    """Return when a flight left, in seconds since 1970."""
    _, minute, scheduled = line.rsplit(",", 2)
    delay = line.split(",", _DELAY + 1)[_DELAY]
    return _seconds(scheduled) + (int(minute) + (0 if delay == ABSENT else int(delay))) * _MINUTE_S


@cache
def _seconds(hour: str) -> float:
    return datetime.fromisoformat(hour).timestamp()


def _journey(line: str, zones: Zones, regions: Regions) -> Journey:
    cells = line.split(",")
    year, month, day, _, _, dep_delay, arr_time, _, arr_delay, carrier, number_, tailnum = cells[:12]
    origin, dest, air_time, distance, hour, minute, _ = cells[12:]
    on, left_s = date(int(year), int(month), int(day)), _left_s(line)
    flight = Flight(
        id=f"{on}/{carrier}{number_}/{origin}-{dest}",
        at=left_s,
        month=on.month,
        day=on.day,
        weekday=on.weekday(),
        hour=round(int(hour) + int(minute) / 60, 2),
        distance=float(distance),
        carrier=carrier,
        origin=origin,
        dest=dest,
        region=regions.of(dest),
        tailnum=None if tailnum == ABSENT else tailnum,
        dep_delay=number(dep_delay),
    )
    if arr_delay == ABSENT:
        return Journey(flight, None)
    least_s = left_s + int(air_time) * _MINUTE_S
    landed_s = least_s + _wait_s(least_s + zones.offset_s(dest, least_s), arr_time)
    arrival = Arrival(flight.id, int(arr_delay) > LATE_AFTER_MIN, landed_s)
    return Journey(flight, arrival, float(arr_delay) - float(dep_delay))


def _wait_s(local_s: float, clock: str) -> float:
    """Return how long from *local_s* until clocks show *clock*, such as 2359: never a day."""
    hour, minute = divmod(int(clock), 100)
    return (hour * 60 + minute - int(local_s) // _MINUTE_S) % _DAY_MIN * _MINUTE_S
