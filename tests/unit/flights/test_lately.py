"""Rows of regions are made of the flights that had landed by their hour, and of no other."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from agents.flights import data, files
from agents.flights.journeys import Journey
from agents.flights.lately import rows_of
from agents.flights.pipeline import ARRIVALS, DEPARTURES, REGIONS, Arrival, Flight
from agents.flights.regions import Regions

HOUR_S = 3_600.0


def journeys(*told: tuple[float, float | None, float]) -> Iterator[Journey]:
    """Flights to the south that left and landed at these hours and lost so many minutes."""
    for i, (left, landed, lost) in enumerate(told):
        flight = Flight(str(i), left * HOUR_S, 1, 1, 1, 5.0, 700.0, "UA", "EWR", "MIA", "south east")
        arrival = None if landed is None else Arrival(flight.id, lost > 15, landed * HOUR_S)
        yield Journey(flight, arrival, lost)


def told(*flights: tuple[float, float | None, float]) -> list[tuple[float, float]]:
    """Hours of the rows, and what they say."""
    return [(row.at / HOUR_S, row.lost) for row in rows_of(journeys(*flights))]


def test_a_row_says_the_mean_of_the_flights_landed_with_one_more_that_lost_nothing() -> None:
    assert told((1, 2.5, 10.0), (1.1, 2.9, 20.0), (3, None, 0.0)) == [(3, 10.0)]


def test_a_flight_that_lands_at_the_full_hour_is_not_in_its_row() -> None:
    assert told((1, 3.0, 10.0), (1.1, 2.9, 20.0), (4, None, 0.0)) == [(3, 10.0)]


def test_a_row_comes_only_when_it_changes_and_falls_back_to_nothing_after_three_hours() -> None:
    assert told((1, 2.5, 10.0), (9, None, 0.0)) == [(3, 5.0), (6, 0.0)]


def test_no_row_comes_after_the_last_flight_left() -> None:
    assert told((1, 2.5, 10.0), (2.9, 3.5, 30.0)) == []


def test_rows_of_the_first_days_are_those_of_a_second_computation() -> None:
    found = list(data.records(2_000))
    rows = [json.loads(r.value) for r in found if r.topic == REGIONS]
    region = {e["id"]: e["region"] for r in found if r.topic == DEPARTURES for e in [json.loads(r.value)]}
    lost = minutes_lost()
    landed = defaultdict(list)
    for label in (json.loads(r.value) for r in found if r.topic == ARRIVALS):
        landed[region[label["event_id"]]].append((label["at"], lost[label["event_id"]]))
    assert len(rows) > 200
    for row in rows:
        lately = [y for at, y in landed[row["region"]] if row["at"] - 3 * HOUR_S < at < row["at"]]
        assert row["lost"] == round(sum(lately) / (len(lately) + 1)), row


def minutes_lost() -> dict[str, float]:
    with zipfile.ZipFile(files.folder() / "flights.csv.zip").open("flights.csv") as raw:
        table: Any = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8"))
        return {
            f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}/"
            f"{row['carrier']}{row['flight']}/{row['origin']}-{row['dest']}": float(row["arr_delay"])
            - float(row["dep_delay"])
            for _, row in zip(range(4_000), table, strict=False)
            if row["arr_delay"] != "NA"
        }


@pytest.mark.parametrize(
    ("airport", "region"),
    [
        ("BOS", "north east"),
        ("MIA", "south east"),
        ("ORD", "north middle"),
        ("IAH", "south middle"),
        ("SFO", "north west"),
        ("LAX", "south west"),
        ("SJU", "islands"),
    ],
)
def test_airports_are_where_the_map_has_them(airport: str, region: str) -> None:
    assert Regions(files.table(files.folder(), "airports")).of(airport) == region
