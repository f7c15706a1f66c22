"""Flights are answered at departure with the tables of their hour, and learned when they land, or never."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from agents.flights import data, files
from agents.flights.data import FlightRecord
from agents.flights.pipeline import ARRIVALS, DEPARTURES, REGIONS, WAIT_S, pipeline
from headrace.testing import Harness

N = 5_000


def fold(harness: Harness, records: list[FlightRecord]) -> None:
    for topic, key, value, timestamp_ms in records:
        if topic == DEPARTURES:
            harness.send(value, key=key, timestamp_ms=timestamp_ms)
        elif topic == ARRIVALS:
            harness.label(value, key=key, timestamp_ms=timestamp_ms)
        else:
            harness.row(topic, value, key=key, timestamp_ms=timestamp_ms)


@pytest.fixture(scope="module")
def records() -> list[FlightRecord]:
    return list(data.records(N))


@pytest.fixture(scope="module")
def harness(records: list[FlightRecord]) -> Harness:
    harness = Harness(pipeline)
    fold(harness, records)
    return harness


def test_every_flight_that_lands_is_learned_once_and_no_other(
    harness: Harness, records: list[FlightRecord]
) -> None:
    landed = [json.loads(record.value)["event_id"] for record in records if record.topic == ARRIVALS]
    told = [json.loads(record.value) for record in records if record.topic == DEPARTURES]
    never = {event["id"]: event["at"] for event in told} | dict.fromkeys(landed)
    over = told[-1]["at"] - WAIT_S
    expired = [event_id for event_id, at in never.items() if at is not None and at < over]

    assert harness.dead == []
    assert len(harness.predictions) == N
    states = Counter(status["state"] for status in harness.labels)
    assert sorted(s["event_id"] for s in harness.labels if s["state"] == "joined") == sorted(landed)
    assert [s["event_id"] for s in harness.labels if s["state"] == "expired"] == expired
    assert states == {"joined": len(landed), "expired": len(expired)}
    assert len(expired) > 10


def test_a_label_joins_at_the_moment_the_flight_lands(harness: Harness, records: list[FlightRecord]) -> None:
    told = {json.loads(r.value)["id"]: r.timestamp_ms for r in records if r.topic == DEPARTURES}
    at = {json.loads(r.value)["event_id"]: r.timestamp_ms for r in records if r.topic == ARRIVALS}
    joined = [status for status in harness.labels if status["state"] == "joined"]
    assert joined
    for status in joined:
        event_id = status["event_id"]
        assert status["delay_s"] == (at[event_id] - told[event_id]) / 1_000


def newest(rows: list[dict[str, str]], by: datetime) -> dict[str, str]:
    return max((row for row in rows if moment(row) <= by), key=moment, default={})


def moment(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["time_hour"])


def numbers(row: dict[str, str], names: str, prefix: str = "") -> dict[str, float]:
    return {prefix + name: float(row[name]) for name in names.split() if row.get(name, "NA") != "NA"}


def test_features_are_those_of_the_tables_as_of_departure(records: list[FlightRecord]) -> None:
    weather, planes = (files.table(files.folder(), name) for name in ("weather", "planes"))
    weather = [row for row in weather if row["month"] == "1" and int(row["day"]) < 9]
    at_origin = {
        origin: [row for row in weather if row["origin"] == origin] for origin in ("EWR", "JFK", "LGA")
    }
    by_tailnum = {row["tailnum"]: row for row in planes}
    reader, parse = pipeline.reader(), pipeline.decoder().parse
    assert reader is not None
    n_planes = 0
    lost: dict[str, float] = {}

    for topic, key, value, timestamp_ms in records:
        if topic == DEPARTURES:
            _, x, _ = parse(value)
            told = dict(x)
            at = datetime.fromtimestamp(told.pop("at"), UTC)
            there = newest(at_origin[told["origin"]], at)
            plane = by_tailnum.get(told.get("tailnum", ""), {})
            n_planes += bool(plane)
            assert reader.read(x, timestamp_ms) == {
                **told,
                **numbers(there, "temp humid wind_speed wind_gust precip pressure visib"),
                **numbers(plane, "year seats", "plane_"),
                **({"region_lost": lost[told["region"]]} if told["region"] in lost else {}),
            }
        elif topic != ARRIVALS:
            if topic == REGIONS:
                row = json.loads(value)
                assert row["at"] * 1_000 == timestamp_ms
                lost[row["region"]] = row["lost"]
            reader.update(topic, key, value, timestamp_ms)
    assert N / 2 < n_planes < N
    assert len(lost) == 7
