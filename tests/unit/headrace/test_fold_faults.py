"""A model or a combine that fails: the result says so, nothing else is harmed, no number is made up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from river import base, dummy

from headrace import First, Vote
from tests.folding import Amount, declare, events, linear, log, run


class Fickle(dummy.NoChangeClassifier):
    """Raises in one of its verbs now and then, whatever it has learned."""

    def __init__(self, verb: str = "predict") -> None:
        super().__init__()
        self.verb = verb

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        if self.verb == "predict" and x["a"] > 0:
            raise RuntimeError("no idea")
        return {True: 0.25, False: 0.75}

    def learn_one(self, x: Any, y: Any) -> None:
        if self.verb == "learn" and x["a"] > 0:
            raise RuntimeError("too hard")


@pytest.mark.parametrize("verb", ["predict", "learn"])
def test_a_model_that_raises_is_reported_and_harms_no_other(verb: str) -> None:
    models = {"fickle": lambda: Fickle(verb), "steady": linear}
    fold, out, counts = run(declare(models), log(events(50)))
    _, expected, _ = run(declare({"steady": linear, "other": linear}), log(events(50)))

    raised = [event["a"] > 0 for event in events(50)]
    errors = [result["models"]["fickle"].get("error") for result in out.results]
    text = {"predict": "predict: RuntimeError: no idea", "learn": "learn: RuntimeError: too hard"}[verb]
    assert errors == [text if wrong else None for wrong in raised]
    assert [r["models"]["steady"] for r in out.results] == [r["models"]["steady"] for r in expected.results]
    assert fold.step == 50
    failed: dict[tuple[str, str], int] = {}
    for count in counts:
        for key, n in count.failures.items():
            failed[key] = failed.get(key, 0) + n
    assert failed == {("fickle", verb): sum(raised)}


def test_the_only_model_that_raises_gives_a_result_with_the_reason() -> None:
    _, out, _ = run(declare(Fickle), log([{"id": "x", "a": 1.0, "b": 0.0}]))

    (result,) = out.results
    assert result["prediction"] is None
    assert result["error"] == "predict: RuntimeError: no idea"


class Wild(base.Regressor):
    """Answers a number that JSON has no word for."""

    def __init__(self, value: float = math.nan) -> None:
        self.value = value

    def predict_one(self, x: Any) -> float:
        return self.value

    def learn_one(self, x: Any, y: Any) -> None:
        """Learn nothing."""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_an_error_and_never_a_silent_null(value: float) -> None:
    pipeline = declare({"wild": lambda: Wild(value), "zero": lambda: Wild(2.0)}, Amount)

    _, out, _ = run(pipeline, log([{"id": "x", "a": 1.0, "y": 2.0}]))

    (result,) = out.results
    assert result["prediction"] == 2.0
    assert result["models"]["wild"]["error"] == f"predict: ValueError: prediction is {value}"
    assert "NaN" not in json.dumps(result)


def infinite(answers: Any) -> Any:
    """Combine to something that cannot be published."""
    return type(next(iter(answers.values())))(math.inf)


def broken(answers: Any) -> Any:
    """Combine to nothing."""
    return 1 / 0


@pytest.mark.parametrize(
    ("combine", "said"),
    [(infinite, "label is inf, expected a bool, a str or a finite number"), (broken, "ZeroDivisionError")],
)
def test_a_combine_of_the_users_own_that_fails_is_reported(combine: Callable[..., Any], said: str) -> None:
    pipeline = declare({"one": lambda: Wild(1.0), "two": lambda: Wild(2.0)}, Amount, combine=combine)

    _, out, (counts,) = run(pipeline, log([{"id": "x", "a": 1.0, "y": 2.0}]))

    (result,) = out.results
    assert result["prediction"] is None
    assert result["models"] == {"one": {"prediction": 1.0}, "two": {"prediction": 2.0}}
    assert said in result["error"]
    assert counts.failures == {("combine", "predict"): 1}


@pytest.mark.parametrize(
    ("combine", "wanted"),
    [(First(), {"false": 0.75, "true": 0.25}), (Vote("hard"), {"false": 0.5, "true": 0.5})],
)
def test_several_models_each_answer_and_combine_gives_the_final_one(combine: Any, wanted: Any) -> None:
    half = {"one": lambda: Fickle("none"), "two": Sure}

    _, out, _ = run(declare(half, combine=combine), log([{"id": "x", "a": 1.0, "b": 0.0}]))

    (result,) = out.results
    assert result["probability"] == wanted
    assert result["models"]["one"]["probability"] == {"false": 0.75, "true": 0.25}
    assert result["models"]["two"]["probability"] == {"true": 1.0}


class Sure(dummy.NoChangeClassifier):
    """Always says yes."""

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        return {True: 1.0}
