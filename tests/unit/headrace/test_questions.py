"""Questions: which events a pipeline wants a label for."""

from __future__ import annotations

from typing import Any

import pytest
from river import anomaly, linear_model

import headrace as hr
from headrace.testing import Harness
from tests.declaring import fault_of


class Reading(hr.Event):
    a: float
    y: bool | None = None


def declare(**arguments: Any) -> hr.Pipeline:
    given: dict[str, Any] = {"models": linear_model.LogisticRegression, **arguments}
    return hr.Pipeline("readings", source=hr.Topic("r", Reading), target="y", **given)


def sent(harness: Harness, first: int, last: int) -> Harness:
    for i in range(first, last):
        a = (i * 37 % 101 - 50) / 50
        harness.send({"id": str(i), "a": a, **({"y": a > 0} if i < 200 else {})})
    return harness


def test_the_least_certain_events_without_a_label_are_asked_for_within_the_budget() -> None:
    harness = sent(Harness(declare(ask=hr.AskFor(budget="5%"))), 0, 4_200)

    asked = {question["event_id"] for question in harness.questions}
    assert 150 <= len(asked) <= 200
    assert all(int(event_id) >= 200 for event_id in asked)
    gaps = {p["event_id"]: abs(p["probability"]["true"] - 0.5) for p in harness.predictions}
    of_asked = sum(gaps[event_id] for event_id in asked) / len(asked)
    assert of_asked < 0.5 * sum(gaps.values()) / len(gaps)


def test_a_restored_fold_asks_the_same() -> None:
    pipeline = declare(ask=hr.AskFor(budget="5%"))
    undisturbed, harness = (sent(Harness(pipeline), 0, 1_000) for _ in range(2))
    n_before = len(harness.questions)

    other = Harness(pipeline)
    other.restore(harness.snapshot())
    sent(undisturbed, 1_000, 2_000)
    sent(other, 1_000, 2_000)

    assert other.questions == undisturbed.questions[n_before:]
    assert other.digest() == undisturbed.digest()


@pytest.mark.parametrize(
    "arguments",
    [
        {"ask": "5%"},
        {"ask": hr.AskFor(), "models": lambda: anomaly.HalfSpaceTrees(seed=1), "target": None},
        {"ask": hr.AskFor(strategy="disagreement")},
    ],
)
def test_questions_that_cannot_be_asked_are_refused(arguments: dict[str, Any]) -> None:
    assert fault_of(**arguments).argument.partition(".")[0] == "ask"
