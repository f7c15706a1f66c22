"""The benchmark of combinations, in small: the weighted ensemble is where it should be on real models."""

from __future__ import annotations

from itertools import islice

import pytest
from river import base

from headrace.tasks.routing import Route
from schemas import Answer
from tools.ensembles import report
from tools.ensembles.measure import DEFAULT, LEARNING, Recorded, Result, measured, recorded
from tools.ensembles.routes import Point, alone, best, routed, table
from tools.ensembles.streams import STREAMS, members

QUICK = {"Phishing": 1_250, "Bananas": 5_300, "Hyperplane": 4_000}


@pytest.mark.parametrize("stream", QUICK)
def test_the_default_is_within_half_a_point_of_the_best_member_and_above_the_mean(stream: str) -> None:
    """All members but the nearest neighbours, which take ten times as long as the others."""
    models = {name: model for name, model in members(stream).items() if name != "near"}

    result = measured(
        recorded(models, islice(STREAMS[stream](), QUICK[stream])), {DEFAULT: LEARNING[DEFAULT]}
    )

    assert result.n == QUICK[stream]
    assert report.broken({stream: result}) == []


def test_accuracies_are_those_of_the_answers_and_of_what_is_combined() -> None:
    events = [
        Recorded({}, True, {"right": Answer(True), "wrong": Answer(False), "odd": Answer(i % 2 == 0)})
        for i in range(200)
    ]

    result = measured(events)

    assert result.members == {"right": 1.0, "wrong": 0.0, "odd": 0.5}
    assert (result.best, result.mean) == (1.0, 0.5)
    assert result.combined["soft vote"] == 0.5
    assert result.combined[DEFAULT] > 0.97
    assert result.weights["right"] > 0.99


def test_what_is_too_far_below_the_best_or_not_above_the_mean_is_told() -> None:
    good = Result(100, {"a": 0.9, "b": 0.5}, {DEFAULT: 0.896}, {"a": 0.5, "b": 0.5})
    far = good._replace(combined={DEFAULT: 0.894})
    low = good._replace(members={"a": 0.9, "b": 0.9}, combined={DEFAULT: 0.9})

    told = report.broken({"good": good, "far": far, "low": low})

    assert [line.split(":")[0] for line in told] == ["* far", "* low"]
    assert "0.60 points below" in told[0]


def test_the_front_holds_what_nothing_else_matches_for_less() -> None:
    points = {
        "cheap": Point(0.7, 10.0),
        "dear": Point(0.9, 100.0),
        "dearer": Point(0.9, 200.0),
        "worse": Point(0.6, 50.0),
    }

    assert best(points) == {"cheap", "dear"}
    assert table({"s": points})[2:] == [
        "| cheap | **70.00** | 10 |",
        "| dear | **90.00** | 100 |",
        "| dearer | 90.00 | 200 |",
        "| worse | 60.00 | 50 |",
    ]


def test_a_route_that_lets_all_work_is_as_right_as_all_weighted() -> None:
    events = [*islice(STREAMS["Phishing"](), 300)]
    names = ["linear", "bayes", "tree"]
    cost = dict.fromkeys(names, 10.0)

    def models() -> dict[str, base.Estimator]:
        return {name: model for name, model in members("Phishing").items() if name in names}

    everything = routed(models(), events, Route("ucb", pick=3, cost=cost).fresh(names), 1)
    points = alone(models(), events, cost)

    assert everything == Point(points["all, weighted"].accuracy, 30.0)
    assert points["bayes alone"].cost_us == 10.0
