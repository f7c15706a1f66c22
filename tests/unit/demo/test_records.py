"""Broken records are refused by the pipeline for the reason meant; what happened is not."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.demo import records
from agents.demo.records import Item, Spoiler
from agents.flights import data
from agents.flights.data import FlightRecord
from agents.flights.pipeline import ARRIVALS, DEPARTURES, pipeline
from headrace.testing import Harness

N = 15_000


@pytest.fixture(scope="module")
def told() -> list[FlightRecord]:
    return list(data.records(N))


@pytest.fixture(scope="module")
def items(told: list[FlightRecord]) -> list[Item]:
    return list(records.items(told))


@pytest.mark.parametrize("spoiler", records.SPOILERS, ids=lambda s: s.spoil.__name__.strip("_"))
def test_a_broken_record_is_refused_for_its_reason(items: list[Item], spoiler: Spoiler) -> None:
    harness = Harness(pipeline)
    harness.send(spoiler.spoil(next(item for item in items if item.departs).value))
    assert harness.predictions == []
    assert [letter["error"]["type"] for letter in harness.dead] == [spoiler.reason]
    assert harness.dead[0]["source"]["topic"] == DEPARTURES


def test_a_run_shows_every_reason(items: list[Item]) -> None:
    harness = Harness(pipeline)
    broken = [item for item in items if item.departs and item.flight is None]
    for item in broken:
        harness.send(item.value, key=item.key, timestamp_ms=item.timestamp_ms)

    assert harness.predictions == []
    reasons = Counter(letter["error"]["type"] for letter in harness.dead)
    assert reasons.keys() == {spoiler.reason for spoiler in records.SPOILERS}
    assert reasons.total() == len(broken) == 8


def test_what_happened_is_all_there_as_it_was_and_in_order(
    told: list[FlightRecord], items: list[Item]
) -> None:
    whole = [item for item in items if not (item.departs and item.flight is None)]
    assert [tuple(item[:4]) for item in whole] == [tuple(record) for record in told]


def test_departures_and_arrivals_name_their_flight(items: list[Item]) -> None:
    left = [item.flight for item in items if item.departs and item.flight]
    landed = [item.flight for item in items if item.arrives]
    assert len(left) == len(set(left)) == N
    assert left[0] == "2013-01-01/UA1545/EWR-IAH"
    assert len(landed) == len(set(landed)) > 0.95 * N
    assert set(landed) <= set(left)
    others = [item for item in items if item.topic not in {DEPARTURES, ARRIVALS}]
    assert others
    assert {item.flight for item in others} == {None}
