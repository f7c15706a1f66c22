"""Broken records are refused by the pipeline for the reason meant; flights are not."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from agents.demo import flights, records
from agents.demo.flights_pipeline import Flight, pipeline
from agents.demo.records import Spoiler
from headrace.testing import Harness


@pytest.fixture(scope="module")
def departures() -> list[Flight]:
    return flights.load(15_000)


@pytest.mark.parametrize("spoiler", records.SPOILERS, ids=lambda s: s.spoil.__name__.strip("_"))
def test_a_broken_record_is_refused_for_its_reason(departures: list[Flight], spoiler: Spoiler) -> None:
    for flight in (departures[0], next(f for f in departures if f.late is None)):
        harness = Harness(pipeline)
        harness.send(spoiler.spoil(records.encode(flight)))
        assert harness.predictions == []
        assert [letter["error"]["type"] for letter in harness.dead] == [spoiler.reason]


def test_a_run_shows_every_reason_and_refuses_nothing_else(departures: list[Flight]) -> None:
    harness = Harness(pipeline)
    sent = [item for item in records.items(departures) if item.event_id is None or item.late is None]
    for item in sent:
        harness.send(item.value, key=item.key)

    assert len(harness.predictions) == sum(item.event_id is not None for item in sent)
    reasons = Counter(letter["error"]["type"] for letter in harness.dead)
    assert reasons.keys() == {spoiler.reason for spoiler in records.SPOILERS}
    assert reasons.total() == sum(item.event_id is None for item in sent)


def test_what_is_absent_is_left_out_of_the_record(departures: list[Flight]) -> None:
    gone = next(f for f in departures if f.late is None and f.dep_delay is None)
    assert json.loads(records.encode(gone)).keys() == {
        "id", "month", "day", "weekday", "hour", "distance", "carrier", "origin", "dest",
    }  # fmt: skip


@pytest.mark.parametrize("n", [1, 499, 500, 501, 2_499, 2_500, 15_000])
def test_the_number_of_records_is_known_beforehand(departures: list[Flight], n: int) -> None:
    assert records.n_records(n) == sum(1 for _ in records.items(departures[:n]))


def test_flights_of_a_carrier_share_a_key(departures: list[Flight]) -> None:
    for flight, item in zip(departures[:499], records.items(departures[:499]), strict=True):
        assert (item.key, item.event_id, item.late) == (flight.carrier.encode(), flight.id, flight.late)
