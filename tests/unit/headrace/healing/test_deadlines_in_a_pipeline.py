"""A model that misses its deadline is found too slow by a clock, and taken out by an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import headrace as hr
from headrace.testing import Harness
from tests.unit.headrace.healing.wards import Fragile

QUICK = hr.Breaker(errors=3, of=5, rest=8, probes=3, worse_than_baseline=None)


class Clock:
    """Stands still, but while a `Sluggish` model answers."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Sluggish(Fragile):
    """Takes so many milliseconds for an answer as the feature ``ms`` says; ``mute`` raises."""

    clock = Clock()

    def predict_proba_one(self, x: Any, **options: Any) -> Any:
        self.clock.now_s += x["ms"] / 1e3
        return super().predict_proba_one(x, **options)


class Case(hr.Event):
    """What the event does to the model."""

    ms: float
    mute: bool = False
    y: bool | None = None


def timed() -> Harness:
    """Return a fold with a model that has 5 ms, measured by its clock."""
    pipeline = hr.Pipeline(
        "timed",
        source=hr.Topic("timed.events", Case, key="id"),
        target="y",
        models={"m": hr.Step(Sluggish, backup=[False], deadline_ms=5, breaker=QUICK)},
    )
    harness = Harness(pipeline)
    harness.fold.time(Sluggish.clock)
    return harness


def feed(harness: Harness, took_ms: Sequence[float], *, mute: bool = False) -> None:
    for ms in took_ms:
        harness.send({"id": "e", "ms": ms, "mute": mute, "y": True})


def circuits(harness: Harness) -> list[str]:
    return [alert["circuit"] for alert in harness.alerts]


def test_it_is_found_and_the_order_takes_it_out_until_it_did_well_again() -> None:
    harness = timed()
    feed(harness, [1, 6, 1, 6, 4])
    assert harness.fold.late() == []
    feed(harness, [6])

    assert harness.fold.late() == [("m", 3.0)]
    assert harness.alerts == []  # the clock is no part of the fold: the order is

    harness.fold.order("open", "m", 3.0)
    assert harness.fold.late() == []
    feed(harness, [1] * 11)
    assert circuits(harness) == ["open", "half_open", "closed"]
    assert "3 of its last answers took longer than 5 ms" in harness.alerts[0]["happened"]


def test_it_is_found_however_many_quick_answers_came_after_the_late_ones() -> None:
    harness = timed()
    feed(harness, [6] * 4 + [1] * 500)

    assert harness.fold.late() == [("m", 4.0)]


def test_single_late_answers_are_nothing() -> None:
    harness = timed()
    feed(harness, [9_000, 1, 1, 9_000, 1] * 50)

    assert harness.fold.late() == []


def test_what_was_late_before_its_circuit_opened_for_something_else_is_forgotten() -> None:
    harness = timed()
    feed(harness, [6] * 5)
    feed(harness, [1] * 3, mute=True)
    feed(harness, [1] * 50)

    assert circuits(harness) == ["open", "half_open", "closed"]
    assert harness.fold.late() == []


def test_one_that_is_still_slow_when_it_is_asked_again_rests_twice_as_long() -> None:
    harness = timed()
    feed(harness, [6] * 3)
    harness.fold.order("open", "m", 3.0)
    feed(harness, [6] * 11)
    assert harness.fold.late() == [("m", 3.0)]

    harness.fold.order("open", "m", 3.0)
    feed(harness, [1])
    assert harness.alerts[-1]["happened"].endswith("it is neither asked nor taught for 16 events.")


def test_without_a_clock_nothing_is_late() -> None:
    harness = timed()
    harness.fold.time(None)
    feed(harness, [9_000] * 10)

    assert harness.fold.late() == []
    assert circuits(harness) == []
