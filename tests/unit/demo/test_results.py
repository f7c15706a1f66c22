"""A prediction and its label meet, whichever is read first, and are scored once."""

from __future__ import annotations

from datetime import date

import pytest

from agents.demo.results import Results
from agents.demo.score import Score
from schemas import Prediction, Source

FLIGHT = "2013-02-03/UA1/EWR-ORD"


@pytest.fixture
def results() -> Results:
    return Results(Score())


def prediction(flight: str = FLIGHT, late: bool | None = True) -> Prediction:
    return Prediction(
        "x", flight, "flights@1", 0, Source("flights.log", 0, 0), late, {"true": 0.9, "false": 0.1}
    )


@pytest.mark.parametrize("label_first", [False, True])
def test_both_orders_give_the_same_score(label_first: bool) -> None:
    score = Score()
    results = Results(score)
    results.sent.add(FLIGHT)
    if label_first:
        results.labelled(FLIGHT, late=True)
        assert not results.is_predicted(FLIGHT)
    results.predicted(prediction())
    if not label_first:
        assert results.is_predicted(FLIGHT)
        results.labelled(FLIGHT, late=True)

    found = score.figures()
    assert found is not None
    assert (found.n, found.accuracy, found.late_share) == (1, 1.0, 1.0)
    assert not results.is_predicted(FLIGHT)
    assert results.day == date(2013, 2, 3)


def test_a_flight_of_another_program_is_not_scored(results: Results) -> None:
    results.predicted(prediction("mine/1"))
    assert results.day is None
    assert not results.is_predicted("mine/1")


def test_the_day_is_the_latest(results: Results) -> None:
    for flight in ("2013-02-03/A", "2013-02-05/B", "2013-02-04/C"):
        results.sent.add(flight)
        results.predicted(prediction(flight))
    assert results.day == date(2013, 2, 5)
