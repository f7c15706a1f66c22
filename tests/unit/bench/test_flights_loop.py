"""The loop by hand joins, waits and learns as the pipeline does: else two problems would be compared."""

from __future__ import annotations

import json

import orjson
import pytest

from agents.bench.flights.bare import work
from agents.bench.flights.loop import Loop, Tables
from agents.flights import data
from agents.flights.pipeline import ARRIVALS, DEPARTURES, PLANES, REGIONS, WAIT_S, WEATHER, pipeline
from headrace.testing import Harness

N = 1_500


def departure(event_id: str, at: float, **more: object) -> bytes:
    fields = {"id": event_id, "at": at, "carrier": "UA", "origin": "EWR", "dest": "IAH", "dep_delay": 1.0}
    return json.dumps({**fields, **more}).encode()


def arrival(event_id: str, *, late: bool) -> bytes:
    return json.dumps({"event_id": event_id, "late": late, "at": 0.0}).encode()


def test_answers_and_models_are_those_of_the_pipeline() -> None:
    harness, tables = Harness(pipeline), Tables()
    loop = Loop(tables)
    rows = {WEATHER: tables.weather, PLANES: tables.plane, REGIONS: tables.region}
    answers: list[dict[str, float]] = []
    for topic, key, value, timestamp_ms in data.records(N):
        if topic == DEPARTURES:
            harness.send(value, key=key, timestamp_ms=timestamp_ms)
            answers.append(orjson.loads(loop.departure(value))["probabilities"])
        elif topic == ARRIVALS:
            harness.label(value, key=key, timestamp_ms=timestamp_ms)
            loop.arrival(value)
        else:
            harness.row(topic, value, key=key, timestamp_ms=timestamp_ms)
            rows[topic](value)

    assert len(answers) == len(harness.predictions) == N
    for mine, published in list(zip(answers, harness.predictions, strict=True))[N // 2 :]:
        models = published["models"]
        assert mine["linear"] == pytest.approx(models["linear"]["probability"]["true"], abs=1e-9)
        assert mine["tree"] == pytest.approx(models["tree"]["probability"]["true"], abs=1e-9)
        assert mine["(combined)"] == pytest.approx(published["probability"]["true"], abs=1e-9)
    assert len(loop.outcomes) == sum(status["state"] == "joined" for status in harness.labels)
    assert loop.n_expired == sum(status["state"] == "expired" for status in harness.labels)


def test_a_flight_gets_the_newest_row_of_its_airport_its_plane_and_its_region() -> None:
    flight = {"origin": "EWR", "tailnum": "N1", "region": "north west"}
    tables, x = Tables(), dict[str, object](flight)
    for temp in (30.0, 40.0):
        tables.weather(json.dumps({"origin": "EWR", "at": temp, "temp": temp}).encode())
    tables.weather(b'{"origin":"JFK","at":50.0,"temp":50.0}')
    tables.plane(b'{"tailnum":"N1","at":0.0,"year":1999.0,"model":"A320"}')
    for lost in (3.0, 9.0):
        tables.region(json.dumps({"region": "north west", "at": lost, "lost": lost}).encode())
    tables.region(b'{"region":"south west","at":9.0,"lost":5.0}')

    tables.join(x)

    assert x == {**flight, "temp": 40.0, "plane_year": 1999.0, "region_lost": 9.0}


def test_a_label_that_comes_when_the_wait_is_over_teaches_nothing() -> None:
    loop = Loop(None)
    loop.departure(departure("a", 0.0))
    loop.departure(departure("b", 1.0))
    loop.departure(departure("c", WAIT_S + 0.5))

    for event_id in "abc":
        loop.arrival(arrival(event_id, late=True))

    assert (len(loop.outcomes), loop.n_expired) == (2, 1)


def test_the_second_arrival_of_a_flight_counts_for_nothing() -> None:
    loop = Loop(None)
    loop.departure(departure("a", 0.0))
    for late in (True, False):
        loop.arrival(arrival("a", late=late))
    assert [late for _, late in loop.outcomes] == [True]


def test_every_flight_goes_to_the_loop_that_gets_its_label() -> None:
    loops = [Loop(None) for _ in range(4)]
    for step, value in work(N, loops, Tables()):
        step(value)
    assert min(len(loop.outcomes) for loop in loops) > 0
    assert sum(len(loop.outcomes) for loop in loops) == sum(r.topic == ARRIVALS for r in data.records(N))
