"""The 336,776 flights from New York in 2013 as Kafka records: departures, arrivals, and rows of tables.

Everything is told when it happened, in the order of event time, which is UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from heapq import heappop, heappush, merge
from itertools import takewhile, tee
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.flights import files
from agents.flights.files import number
from agents.flights.journeys import Journey, Journeys
from agents.flights.lately import rows_of
from agents.flights.pipeline import ARRIVALS, DEPARTURES, PLANES, REGIONS, WEATHER, Plane, Weather

TOTAL = 336_776

_NEW_YEAR_S = datetime(2013, 1, 1, 5, tzinfo=UTC).timestamp()
"""In New York: the planes are known before the first flight."""

_MEASURED = tuple(name for name in Weather.__struct_fields__ if name not in {"origin", "at"})

_encode = msgspec.json.Encoder().encode


class FlightRecord(NamedTuple):
    """One record to send."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int


def records(
    n: int = TOTAL, where: Path | None = None, *, rows_ahead_s: float = 0.0
) -> Iterator[FlightRecord]:
    """Yield the records of the first *n* departures, in the order of event time.

    Planes come first, weather and regions each hour until the last departure, arrivals hours after their
    departures.
    At the same moment rows come before the departures that join them, and these before arrivals.

    Parameters
    ----------
    where
        Folder of the files; by default that of the package.
    rows_ahead_s
        How much earlier than they hold rows of weather and of regions come; they join flights as of their
        time anyway.
    """
    where = where or files.folder()
    flown = Journeys(n, where)
    weather = takewhile(lambda row: row.timestamp_ms <= flown.until_s * 1000, _weather(where))
    left, landed = tee(flown)

    def told_ms(record: FlightRecord) -> float:
        return record.timestamp_ms - (rows_ahead_s * 1_000 if record.topic in (WEATHER, REGIONS) else 0.0)

    yield from merge(_planes(where), weather, _regions(landed), _flown(left), key=told_ms)


def _flown(told: Iterable[Journey]) -> Iterator[FlightRecord]:
    """Yield departures and arrivals; an arrival waits until everything that left before it is told."""
    in_the_air: list[tuple[float, int, FlightRecord]] = []
    for i, (flight, arrival, _) in enumerate(told):
        while in_the_air and in_the_air[0][0] < flight.at:
            yield heappop(in_the_air)[-1]
        key = flight.carrier.encode()
        yield _record(DEPARTURES, key, flight, flight.at)
        if arrival is not None:
            heappush(in_the_air, (arrival.at, i, _record(ARRIVALS, key, arrival, arrival.at)))
    while in_the_air:
        yield heappop(in_the_air)[-1]


def _weather(where: Path) -> Iterator[FlightRecord]:
    for row in sorted(files.table(where, "weather"), key=lambda row: row["time_hour"]):
        origin, at = row["origin"], datetime.fromisoformat(row["time_hour"]).timestamp()
        weather = Weather(origin, at, *[number(row[name]) for name in _MEASURED])
        yield _record(WEATHER, origin.encode(), weather, at)


def _planes(where: Path) -> Iterator[FlightRecord]:
    for row in files.table(where, "planes"):
        plane = Plane(
            tailnum=row["tailnum"],
            at=_NEW_YEAR_S,
            year=number(row["year"]),
            engines=number(row["engines"]),
            seats=number(row["seats"]),
            manufacturer=row["manufacturer"],
            model=row["model"],
        )
        yield _record(PLANES, plane.tailnum.encode(), plane, plane.at)


def _regions(told: Iterable[Journey]) -> Iterator[FlightRecord]:
    for row in rows_of(told):
        yield _record(REGIONS, row.region.encode(), row, row.at)


def _record(topic: str, key: bytes, told: msgspec.Struct, at: float) -> FlightRecord:
    return FlightRecord(topic, key, _encode(told), int(at * 1000))
